// A worker in a loop that does not end.

for (;;) {
  // Nothing ends it but whoever started it.
}

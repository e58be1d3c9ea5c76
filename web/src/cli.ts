#!/usr/bin/env node
// The `holm` command in Node.

process.exitCode = 2;
process.stderr.write("holm: error: this build has no command line\n");

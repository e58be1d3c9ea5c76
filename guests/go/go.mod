module holm.example/guests

go 1.24

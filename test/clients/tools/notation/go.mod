module build

go 1.26

require github.com/notaryproject/notation v1.3.2

module build

go 1.26

require github.com/regclient/regclient v0.11.5

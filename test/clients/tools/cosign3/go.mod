module build

go 1.26

require github.com/sigstore/cosign/v3 v3.1.2

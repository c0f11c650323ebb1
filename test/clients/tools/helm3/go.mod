module build

go 1.26

require helm.sh/helm/v3 v3.21.4

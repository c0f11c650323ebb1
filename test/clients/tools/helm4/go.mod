module build

go 1.26

require helm.sh/helm/v4 v4.2.4

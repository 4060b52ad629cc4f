module lambda-factory/bootstraps/go1

go 1.25

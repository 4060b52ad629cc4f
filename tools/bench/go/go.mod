module lambda-factory/bench

go 1.25

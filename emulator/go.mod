module lambda-factory/emulator

go 1.25

module github.com/energyprobe/energyprobe

go 1.26

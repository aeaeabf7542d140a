package gate

import _ "embed"

//go:embed image/gate_arm64.elf
var image []byte

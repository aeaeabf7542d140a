package gate

import _ "embed"

//go:embed image/gate_amd64.elf
var image []byte

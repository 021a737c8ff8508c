package pool

import _ "embed"

// SchemaPool is the JSON Schema (draft 2020-12) of pool files, for editors. It
// knows the keys and the form of each value; what hangs together across keys
// only [Decode] checks.
//
//go:embed schema/pool.schema.json
var SchemaPool []byte

// SchemaScenario is the JSON Schema (draft 2020-12) of scenario files.
//
//go:embed schema/scenario.schema.json
var SchemaScenario []byte

// SchemaTests is the JSON Schema (draft 2020-12) of test files. It refers to that of scenario files by its name,
// scenario.schema.json.
//
//go:embed schema/test.schema.json
var SchemaTests []byte

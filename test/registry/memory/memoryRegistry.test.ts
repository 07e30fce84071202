import { SchemaRegistry } from "millrace/registry"
import { registrySuite } from "../registrySuite.ts"

registrySuite("in memory", SchemaRegistry.layerMemory)

import { KafkaConnect } from "millrace/connect"
import { connectSuite } from "./connectSuite.ts"

connectSuite("in memory", KafkaConnect.layerMemory, () => "/tmp")

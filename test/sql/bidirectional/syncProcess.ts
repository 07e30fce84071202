/** node syncProcess.ts <JSON of Ends>: both syncs as a process of their own, which may be killed. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Layer from "effect/Layer"
import { type Ends, syncsOf } from "./syncs.ts"

const ends = JSON.parse(process.argv[2] ?? "{}") as Ends

NodeRuntime.runMain(Layer.launch(syncsOf(ends)))

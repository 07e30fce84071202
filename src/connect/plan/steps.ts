/** The steps from what a connector is and does to what it should be and do. Pure. */
import type { ConnectorConfig, ConnectorOffset, Described } from "../ConnectModel.ts"
import type { DesiredState } from "../Connector.ts"
import type { Step } from "../PlanModel.ts"

/** What a connector should be and do. */
export interface Desired {
  readonly config: ConnectorConfig
  readonly state: DesiredState | undefined
  readonly offsets: ReadonlyArray<ConnectorOffset> | undefined
}

const initial = { running: "RUNNING", paused: "PAUSED", stopped: "STOPPED" } as const

/** A new connector; with offsets it is created stopped, moved, and then goes on. */
const creation = ({ config, offsets, state = "running" }: Desired): ReadonlyArray<Step> => {
  if (offsets === undefined || offsets.length === 0) return [{ _tag: "Create", config, initialState: initial[state] }]
  const then: ReadonlyArray<Step> = state === "running"
    ? [{ _tag: "Resume" }]
    : state === "paused"
    ? [{ _tag: "Pause" }]
    : []
  return [{ _tag: "Create", config, initialState: "STOPPED" }, { _tag: "SetOffsets", offsets }, ...then]
}

/** What a connector was asked to do; a failed one was asked to run. */
const askedTo = ({ status }: Described): DesiredState | undefined => {
  switch (status?.state) {
    case undefined:
      return undefined
    case "PAUSED":
      return "paused"
    case "STOPPED":
      return "stopped"
    default:
      return "running"
  }
}

const moves: { readonly [state in DesiredState]: Step } = {
  running: { _tag: "Resume" },
  paused: { _tag: "Pause" },
  stopped: { _tag: "Stop" }
}

/** `isChanged`: whether its settings differ. */
export const stepsTo = (desired: Desired, actual: Described | undefined, isChanged: boolean): ReadonlyArray<Step> => {
  if (actual === undefined) return creation(desired)
  const { config, state } = desired
  const update: ReadonlyArray<Step> = isChanged ? [{ _tag: "Update", config }] : []
  return state === undefined || askedTo(actual) === state ? update : [...update, moves[state]]
}

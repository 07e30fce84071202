/** The steps from what a connector is and does to what it should be and do. Pure. */
import type { ConnectorConfig, ConnectorOffset, Described, Status } from "../ConnectModel.ts"
import type { DesiredState } from "../Connector.ts"
import type { Step } from "../PlanModel.ts"

/** What a connector should be and do. */
export interface Desired {
  readonly config: ConnectorConfig
  readonly state: DesiredState | undefined
  readonly offsets: ReadonlyArray<ConnectorOffset> | undefined
}

const initial = { running: "RUNNING", paused: "PAUSED", stopped: "STOPPED" } as const

const moves: { readonly [state in DesiredState]: Step } = {
  running: { _tag: "Resume" },
  paused: { _tag: "Pause" },
  stopped: { _tag: "Stop" }
}

/** From stopped to what a connector should do. */
const onwards = (state: DesiredState): ReadonlyArray<Step> => state === "stopped" ? [] : [moves[state]]

/** A new connector; with offsets it is created stopped, moved, and then goes on. */
const creation = ({ config, offsets, state = "running" }: Desired): ReadonlyArray<Step> =>
  offsets === undefined || offsets.length === 0
    ? [{ _tag: "Create", config, initialState: initial[state] }]
    : [{ _tag: "Create", config, initialState: "STOPPED" }, { _tag: "SetOffsets", offsets }, ...onwards(state)]

const textOf = (place: Readonly<Record<string, unknown>> | null): string =>
  JSON.stringify(Object.entries(place ?? {}).sort(([a], [b]) => a < b ? -1 : 1))

const isSameOffset = (a: ConnectorOffset, b: ConnectorOffset): boolean =>
  textOf(a.partition) === textOf(b.partition) && textOf(a.offset) === textOf(b.offset)

/**
 * What a creation with offsets has left to do that was broken off: the connector is stopped, and `at` no offset or
 * those that are declared. One that has moved was stopped by somebody, and stays so.
 */
const remainder = ({ offsets = [], state = "running" }: Desired, at: ReadonlyArray<ConnectorOffset>) => {
  const isSet = offsets.every((each) => at.some((other) => isSameOffset(each, other)))
  if (isSet) return onwards(state)
  return at.length > 0 ? undefined : [{ _tag: "SetOffsets", offsets } as const, ...onwards(state)]
}

/** Whether a creation may have been broken off, so that it has to be known where the connector is. */
export const mayBeUnfinished = (offsets: Desired["offsets"], actual: Described | undefined): boolean =>
  offsets !== undefined && offsets.length > 0 && actual?.status?.state === "STOPPED"

/** What a connector was asked to do; a failed one was asked to run. */
export const askedTo = (status: Status | undefined): DesiredState | undefined => {
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

/** Whether a connector is asked to do this. One that is new and has no status yet is asked to run, usually. */
const isAskedTo = (state: DesiredState, { status }: Described): boolean => (askedTo(status) ?? "running") === state

/**
 * `isChanged`: whether its settings differ. `at`: where the connector is, if its creation may have been broken off.
 */
export const stepsTo = (
  desired: Desired,
  actual: Described | undefined,
  isChanged: boolean,
  at?: ReadonlyArray<ConnectorOffset>
): ReadonlyArray<Step> => {
  if (actual === undefined) return creation(desired)
  const { config, state } = desired
  const update: ReadonlyArray<Step> = isChanged ? [{ _tag: "Update", config }] : []
  const rest = at === undefined ? undefined : remainder(desired, at)
  if (rest !== undefined) return [...update, ...rest]
  return state === undefined || isAskedTo(state, actual) ? update : [...update, moves[state]]
}

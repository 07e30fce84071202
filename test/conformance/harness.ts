/**
 * What the conformance suite asks of an engine and its surroundings: a cluster, faults, time, and what is not there.
 */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Consumer, ConsumerControl, ConsumerEvent, HandlerFailed, Health, KafkaError } from "millrace"
import type * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { Position, RawMessage } from "../../src/engine/KafkaEngine.ts"

/** What some targets cannot do. */
export const abilities = {
  "header null": "a header without a value arrives as one",
  "acknowledged time": "an acknowledgement has the record's timestamp",
  "any partition count": "topics have as many partitions as wanted",
  "crowds": "members join and leave in the middle of a rebalance",
  "topics admin": "topics are created, grown, deleted and described",
  "groups admin": "groups are listed and described, their offsets read and changed",
  "records admin": "records are deleted before their time",
  "configs admin": "the settings of a topic are read and changed",
  "classic groups": "the assignors of the classic protocol",
  "transactions": "aborted records are hidden, offsets are part of a transaction",
  "authorization": "a topic can be forbidden",
  "network": "members can be cut off from the cluster"
} as const

export type Ability = keyof typeof abilities

/** Why a target cannot, and what shows it. Without a proof the reason is only told. */
export interface Limit {
  readonly reason: string
  readonly proof?: ((world: World) => Effect.Effect<void, unknown, KafkaEngine.Service | Scope.Scope>) | undefined
}

export type EngineContext = Context.Context<KafkaEngine.Service>

/** A way to the cluster that can be cut. */
export interface Network {
  readonly engine: EngineContext
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void>
}

/** A running member of a group. */
export interface Member {
  readonly name: string
  readonly group: string
  readonly events: ReadonlyArray<ConsumerEvent.ConsumerEvent>
  readonly control: Effect.Effect<ConsumerControl.ConsumerControl>
  readonly health: Effect.Effect<Health.ConsumerHealth | undefined>
  /** Its partitions, as `topic/partition`, sorted. */
  readonly assignment: Effect.Effect<ReadonlyArray<string>>
  /** Leaves as a program that ends does, and waits until it is out. */
  readonly stop: Effect.Effect<void>
  /** Ends as a crash would: it handles, commits and says nothing any more, not even that it leaves. */
  readonly kill: Effect.Effect<void>
  /** Waits until it ended by itself, and answers the error if there was one. */
  readonly ended: Effect.Effect<KafkaError.KafkaError | HandlerFailed<unknown> | undefined>
}

/** One scenario's cluster. Names given out are its own. */
export interface World {
  readonly engine: EngineContext
  /** Settings for every consumer, scaled to the target's clock. */
  readonly settings: Omit<Consumer.Settings, "offsetReset">
  readonly sessionMillis: number
  readonly commitMillis: number
  /** A handling time that is long for this target. */
  readonly slowMillis: number
  readonly name: (prefix: string) => string
  readonly topic: (
    partitions: number,
    options?: { readonly name?: string; readonly config?: Readonly<{ [name: string]: string }> }
  ) => Effect.Effect<string, KafkaError.KafkaError>
  /** Writes records as another client does. */
  readonly foreignProduce: (messages: ReadonlyArray<RawMessage>) => Effect.Effect<void, unknown>
  readonly committed: (group: string, topic: string) => Effect.Effect<ReadonlyArray<Position>, unknown>
  /** Only one scenario at a time has it; it is up again when the scenario ends. */
  readonly network: Effect.Effect<Network, unknown, Scope.Scope>
  /** Makes a member of the cut-off kind dead for the cluster, or lets its session expire and come back. */
  readonly dieSilently: (member: Member) => Effect.Effect<void>
  readonly expire: (member: Member) => Effect.Effect<void>
  /** A topic, and an engine whose user may not use it. */
  readonly forbidden: Effect.Effect<
    { readonly topic: string; readonly engine: EngineContext },
    unknown,
    Scope.Scope
  >
  readonly advance: (duration: Duration.Input) => Effect.Effect<void>
  /** Waits for a condition, letting time pass; fails with `what` when it takes too long. */
  readonly until: <E, R>(what: string, condition: Effect.Effect<boolean, E, R>) => Effect.Effect<void, E, R>
}

/** A target of the suite. */
export interface Harness {
  readonly name: string
  readonly clock: "test" | "real"
  readonly cannot: { readonly [ability in Ability]?: Limit }
  /** Made for each scenario. */
  readonly world: Effect.Effect<World, unknown, Scope.Scope>
}

/** One behaviour that every engine has. */
export interface Scenario {
  readonly title: string
  readonly needs: ReadonlyArray<Ability>
  readonly run: (world: World) => Effect.Effect<void, unknown, KafkaEngine.Service | Scope.Scope>
}

/** Scenarios about one thing. */
export interface Group {
  readonly title: string
  readonly scenarios: ReadonlyArray<Scenario>
}

/** Describes a scenario; `needs` are the abilities that not every target has. */
export const scenario = (
  title: string,
  needs: ReadonlyArray<Ability>,
  run: Scenario["run"]
): Scenario => ({ title, needs, run })

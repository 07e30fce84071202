/** Nothing here runs: the compiler checks that two types are the same type. */
export type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false

/** `same<A, B>(true)` compiles when the types are the same, and `same<A, B>(false)` when they are not. */
export declare const same: <A, B>(answer: Equals<A, B>) => void

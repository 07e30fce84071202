/** The folder of an entry of the per-user cache, whether it is there or not. */
export declare const userCache: (name: string) => string

/** The folder of an entry of the per-user cache, made by `make(staging)` when it is absent. */
export declare const cached: (name: string, make: (staging: string) => Promise<void> | void) => Promise<string>

/** Makes the native Kafka client loadable by the running Node; says how: "as installed", "built", ... */
export declare const ensureAddon: () => Promise<string>

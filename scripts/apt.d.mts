/** The line that installs Debian packages, to be shown to whom it may concern. */
export declare const aptLine: (packages: ReadonlyArray<string>) => string

/** Installs Debian packages when this process may; `false` when that is not possible here. */
export declare const aptInstall: (packages: ReadonlyArray<string>) => Promise<boolean>

/**
 * The `millrace` command, and how to describe an application to it.
 *
 * @stability unstable
 * @since 0.1.0
 */
export { type Config, defineConfig } from "./Config.ts"
export { main, run } from "./main.ts"

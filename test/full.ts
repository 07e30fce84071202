/** Whether the run is a thorough one. */
export const full = process.env["MILLRACE_TEST_FULL"] === "1"

/** Whether the run is to be a matter of seconds. */
export const fast = process.env["MILLRACE_TEST_FAST"] === "1"

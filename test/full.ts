/** Whether the run is a thorough one. */
export const full = process.env["MILLRACE_TEST_FULL"] === "1"

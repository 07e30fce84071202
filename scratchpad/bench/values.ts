/** The value that every record of a workload has. */
const noise = Buffer.alloc(256)
// Bytes without a pattern that are the same in every run (a linear congruential generator).
for (let i = 0, state = 1; i < noise.length; i++) {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
  noise[i] = state >> 16
}

export const row = Buffer.from(JSON.stringify({
  id: 123_456,
  name: "Alexandra Example-Surname",
  email: "alexandra.example-surname@mail.example.com",
  amount: 1234.56,
  updated_at: "2026-01-01T12:34:56.789Z",
  note: "x".repeat(82)
}))

const large = Buffer.alloc(16_384, noise)

export const valueOf = (workload: string): Buffer => workload === "C3" ? row : workload === "M lag" ? large : noise

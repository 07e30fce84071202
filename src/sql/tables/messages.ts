/** What drivers take. */

/** A driver takes messages of 16 MiB by default, of one row each: a row with more bytes than this is read in pieces. */
export const mostBytes = 8 * 1_024 * 1_024

/** The characters of a piece, which have at most four bytes. */
export const pieceLength = 2 * 1_024 * 1_024

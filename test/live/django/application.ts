/** Installs and starts the django-kafka application beside this file. */
import { fileURLToPath } from "node:url"
import { pythonPackages } from "../../services/python.ts"
import { type Peer, startPeer } from "../peer.ts"

const program = fileURLToPath(new URL("application.py", import.meta.url))

/** The newest one, and the one whose retry topics and names Millrace took over. */
export const versions = ["0.7.0", "5.1.2"] as const

export interface Settings {
  readonly version: typeof versions[number]
  readonly bootstrap: string
  readonly topic: string
  readonly group: string
  /** `max_retries`. Default 2. */
  readonly retries?: number | undefined
  /** In seconds. Default 1. */
  readonly delay?: number | undefined
  /** Default `false`. */
  readonly backoff?: boolean | undefined
}

export const startDjango = async ({ version, ...settings }: Settings): Promise<Peer> => {
  const folder = await pythonPackages(`django-kafka-${version}`, `django-kafka==${version}`)
  return startPeer("python3", [program, JSON.stringify(settings)], { PYTHONPATH: folder })
}

import type { RawRecord } from "../../engine/KafkaEngine.ts"
import type { Decode } from "./decoding.ts"
export class LateRecord {
  readonly raw: RawRecord
  readonly decode: Decode
  constructor(raw: RawRecord, decode: Decode) {
    this.raw = raw
    this.decode = decode
  }
  read(): any {
    return this.decode(this.raw)
  }
  get offset() {
    return this.raw.offset
  }
  get topic() {
    return this.raw.topic
  }
  get partition() {
    return this.raw.partition
  }
}

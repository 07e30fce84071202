import { connect } from "node:net"

// ApiVersions, version 0, correlation id 1, no client id: the one request that every broker answers to anyone.
const apiVersions = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])

/** Whether a Kafka broker answers at a plaintext or SASL_PLAINTEXT listener. */
export const brokerAnswers = (address: string, timeoutMs = 2000) =>
  new Promise<boolean>((resolve) => {
    const colon = address.lastIndexOf(":")
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) })
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(timeoutMs, () => finish(false))
    socket.on("error", () => finish(false))
    socket.on("close", () => finish(false))
    socket.on("connect", () => socket.write(apiVersions))
    socket.on("data", () => finish(true))
  })

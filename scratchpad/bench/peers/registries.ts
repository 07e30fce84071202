/** The clients of Schema Registries that there are for Node, over the same bytes and a registry served from memory. */
import { create, toBinary } from "@bufbuild/protobuf"
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema
} from "@bufbuild/protobuf/wkt"
import * as Confluent from "@confluentinc/schemaregistry"
import { SchemaRegistry } from "@kafkajs/confluent-schema-registry"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Work } from "../formats.ts"
import type { Format } from "../task.ts"

const topic = "rows"
const id = 1

/** The file of the row's message: Confluent's client asks the registry for this, and not for its text. */
const descriptor = (): string => {
  const { DOUBLE, STRING } = FieldDescriptorProto_Type
  const fields = [["id", DOUBLE], ["name", STRING], ["email", STRING], ["amount", DOUBLE], ["updated_at", STRING], [
    "note",
    STRING
  ]] as const
  const file = create(FileDescriptorProtoSchema, {
    name: "row.proto",
    syntax: "proto3",
    messageType: [{
      name: "Row",
      field: fields.map(([name, type], i) => ({
        name,
        type,
        number: i + 1,
        label: FieldDescriptorProto_Label.OPTIONAL
      }))
    }]
  })
  return Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString("base64")
}

/** A registry with one schema, under one subject. */
const serve = ({ text, type }: { readonly type: string; readonly text: string }): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer((request, response) => {
      const schema = request.url?.includes("format=serialized") ? descriptor() : text
      response.setHeader("content-type", "application/json")
      response.end(JSON.stringify({ subject: `${topic}-value`, version: 1, id, schemaType: type, schema }))
    })
    server.listen(0, "127.0.0.1", () => {
      server.unref()
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    })
  })

interface Task {
  readonly format: Format
  readonly schema: { readonly type: string; readonly text: string }
  readonly bytes: Buffer
  readonly value: object
}

/** What decodes and encodes the row, each by the client's promises. */
interface Subject {
  readonly decoding: (task: Task) => Promise<Work>
  readonly encoding: (task: Task) => Promise<Work>
}

const checked = async (work: Work): Promise<Work> => {
  await work()
  return work
}

const kafkajs = async (schema: Task["schema"]) =>
  new SchemaRegistry(
    { host: await serve(schema) },
    schema.type === "PROTOBUF" ? { PROTOBUF: { messageName: "Row" } } : {}
  )

const deserializers = {
  avro: Confluent.AvroDeserializer,
  jsonschema: Confluent.JsonDeserializer,
  protobuf: Confluent.ProtobufDeserializer
}

const { VALUE } = Confluent.SerdeType
const subjects = { subjectNameStrategyType: Confluent.SubjectNameStrategyType.TOPIC }

const client = async (schema: Task["schema"]) =>
  Confluent.SchemaRegistryClient.newClient({ baseURLs: [await serve(schema)] })

export const registries: Readonly<Record<string, Subject>> = {
  "kafkajs-registry": {
    decoding: async ({ bytes, schema }) => {
      const registry = await kafkajs(schema)
      return checked(() => registry.decode(bytes))
    },
    encoding: async ({ schema, value }) => {
      const registry = await kafkajs(schema)
      return checked(() => registry.encode(id, value))
    }
  },
  "confluent-registry": {
    decoding: async ({ bytes, format, schema }) => {
      const deserializer = new deserializers[format](await client(schema), VALUE, subjects)
      return checked(() => deserializer.deserialize(topic, bytes))
    },
    encoding: async ({ schema, value }) => {
      const serializer = new Confluent.AvroSerializer(await client(schema), VALUE, {
        ...subjects,
        autoRegisterSchemas: false,
        useLatestVersion: true
      })
      return checked(() => serializer.serialize(topic, value))
    }
  },
  // A serializer for each record, as Django's toolkit makes it: the schema is parsed each time.
  "confluent-each": {
    decoding: async ({ bytes, format, schema }) => {
      const registry = await client(schema)
      return checked(() => new deserializers[format](registry, VALUE, subjects).deserialize(topic, bytes))
    },
    encoding: async ({ schema, value }) => {
      const registry = await client(schema)
      const settings = { ...subjects, autoRegisterSchemas: false, useLatestVersion: true }
      return checked(() => new Confluent.AvroSerializer(registry, VALUE, settings).serialize(topic, value))
    }
  }
}

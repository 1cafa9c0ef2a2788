import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import type { Resource } from "./evaluate.ts";
import { platform } from "./platform.ts";

/*
 * Evaluates a bundle of sst.config.ts under Pulumi's mocks: see evaluate.ts. Arguments: the bundle,
 * the result's file, app and stage.
 */
const [runFile = "", resultFile = "", app = "", stage = ""] = process.argv.slice(2);

const region = "us-east-1";
const accountId = "123456789012";

type Inputs = Record<string, unknown>;
interface Options {
  readonly retainOnDelete?: boolean;
}
interface Pulumi {
  readonly runtime: {
    setMocks(mocks: object, project: string, stack: string, preview: boolean): Promise<void>;
    runInPulumiStack(program: () => Promise<unknown>): Promise<unknown>;
    registerStackTransformation(
      transformation: (args: { readonly type: string; readonly name: string; readonly opts: Options }) => undefined,
    ): void;
    disconnect(): Promise<void>;
  };
  output(value: unknown): { promise(): Promise<unknown> };
}
const pulumi: Pulumi = createRequire(`${platform}/package.json`)("@pulumi/pulumi");

const made: Resource[] = [];
const options = new Map<string, Options>();
const handlers: string[] = [];

const arnOf = (type: string, name: string): string => {
  const [, service = "", kind = ""] = /^aws:(\w+)\/(\w+):/.exec(type) ?? [];
  if (type === "aws:iam/role:Role") return `arn:aws:iam::${accountId}:role/${name}`;
  const resource = {
    "aws:lambda/function:Function": `function:${name}`,
    "aws:dynamodb/table:Table": `table/${name}`,
    "aws:sqs/queue:Queue": name,
    "aws:sns/topic:Topic": name,
  }[type];
  return `arn:aws:${service}:${region}:${accountId}:${resource ?? `${kind}/${name}`}`;
};

const newResource = ({ type, name, inputs }: { type: string; name: string; inputs: Inputs }) => {
  made.push({ type, name, inputs, retainOnDelete: false, order: made.length });
  const physical = typeof inputs["name"] === "string" ? inputs["name"] : name;
  return {
    id: `${physical}-id`,
    state: {
      ...inputs,
      name: physical,
      arn: arnOf(type, physical),
      uniqueId: `AROA-${physical}`,
      base64: Buffer.alloc(32).toString("base64"),
      apiEndpoint: "https://api.test",
      executionArn: `arn:aws:execute-api:${region}:${accountId}:${name}`,
    },
  };
};

const call = ({ token, inputs }: { token: string; inputs: Inputs }): Inputs => {
  switch (token) {
    case "aws:index/getPartition:getPartition":
      return { partition: "aws" };
    case "aws:index/getRegion:getRegion":
      return { region, name: region };
    case "aws:index/getCallerIdentity:getCallerIdentity":
      return { accountId };
    case "aws:iam/getPolicyDocument:getPolicyDocument":
      return { ...inputs, json: JSON.stringify(inputs["statements"]) };
    default:
      throw new Error(`nobody stands in for ${token}`);
  }
};

/** What SST's binary answers its components. */
const answer = (method: string, args: { readonly handler?: string; readonly functionID?: string }): object => {
  if (method === "Provider.Aws.Bootstrap") return { asset: "assets", state: "state" };
  if (method !== "Runtime.Build") throw new Error(`nobody stands in for ${method}`);
  handlers.push(args.handler ?? "");
  const out = join(dirname(resultFile), "out", args.functionID ?? "");
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "bundle.mjs"), "");
  return { handler: "bundle.handler", out, errors: [], sourcemaps: [] };
};

const server = createServer(async (request, response) => {
  const { method, params } = JSON.parse(Buffer.concat(await request.toArray()).toString());
  try {
    response.end(JSON.stringify({ result: answer(method, params[0]) }));
  } catch (error) {
    response.end(JSON.stringify({ error: String(error) }));
  }
});
await new Promise<void>((listening) => server.listen(0, "127.0.0.1", () => listening()));
process.env["SST_SERVER"] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

await pulumi.runtime.setMocks({ newResource, call }, app, stage, false);
let outputs: unknown;
await pulumi.runtime.runInPulumiStack(async () => {
  // SST changes these objects after us, so they are looked at when all is done.
  pulumi.runtime.registerStackTransformation(({ type, name, opts }) => void options.set(`${type} ${name}`, opts));
  const { result } = (await import(runFile)) as { result: unknown };
  outputs = await pulumi.output(result).promise();
  return outputs as object;
});
await pulumi.runtime.disconnect();
server.close();
server.closeAllConnections();
const keyOf = ({ type, name }: Resource): string => `${type} ${name}`;
// Resources register when their inputs are there, which is another order each time.
const resources = made
  .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  .map((resource) => ({ ...resource, retainOnDelete: options.get(keyOf(resource))?.retainOnDelete ?? false }));
writeFileSync(resultFile, JSON.stringify({ outputs, resources, handlers }));

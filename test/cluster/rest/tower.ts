import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type AttachmentCertificate, attachmentCertificate } from "../../../pki/attachment.ts";
import { Contract, type ContractOperation } from "./contract.ts";
import { type FakeFault, FakeFaults } from "./faults.ts";
import { FakeModel } from "./model.ts";
import type { FakeOperation, FakeOperations } from "./operation.ts";
import { generalOperations } from "./operations/general.ts";
import { groupOperations } from "./operations/groups.ts";
import { labelOperations } from "./operations/labels.ts";
import { lunSnapshotOperations } from "./operations/lun-snapshots.ts";
import { lunOperations } from "./operations/luns.ts";
import { nfsOperations } from "./operations/nfs.ts";
import { targetOperations } from "./operations/targets.ts";
import { vmPartOperations } from "./operations/vm-parts.ts";
import { vmSnapshotOperations } from "./operations/vm-snapshots.ts";
import { vmVolumeOperations } from "./operations/vm-volumes.ts";
import { vmOperations } from "./operations/vms.ts";
import { FakeRefusal } from "./refusal.ts";

const operations: FakeOperations = {
  ...generalOperations,
  ...targetOperations,
  ...lunOperations,
  ...lunSnapshotOperations,
  ...groupOperations,
  ...vmVolumeOperations,
  ...vmOperations,
  ...vmPartOperations,
  ...vmSnapshotOperations,
  ...nfsOperations,
  ...labelOperations,
};

const bodyBytesMax = 16 * 2 ** 20;

/** A request that was answered, for a test that wants to know what was asked. */
export interface RecordedRequest {
  /** `create-iscsi-lun`. */
  readonly operation: string;
  readonly body: unknown;
  readonly status: number;
}

const keptMs = 600_000;

/** A CloudTower on loopback: its server, its accounts, and what it knows. */
export class FakeTower {
  readonly model: FakeModel = new FakeModel();
  readonly faults: FakeFaults = new FakeFaults();
  readonly user = "backup";
  readonly password: string = randomBytes(12).toString("base64url");
  readonly version = "4.8.0";
  /** What it was asked, the newest last; so many at the most. */
  readonly requests: RecordedRequest[] = [];
  /** What was sent or answered against the contract: a test that ends well leaves none. */
  readonly breaches: string[] = [];
  readonly #contract = Contract.read();
  readonly #tokens = new Set<string>();
  /** Of all logins, the newest last: for a test that looks for what must stand nowhere. */
  readonly givenTokens: string[] = [];
  /** Of the authority of its certificate, PEM; undefined where it is asked without TLS. */
  readonly ca: string | undefined;
  readonly #server: Server;
  #port = 0;

  private constructor(certificate: AttachmentCertificate | undefined) {
    const listener = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    this.ca = certificate?.authorityPem;
    this.#server =
      certificate === undefined
        ? createServer(listener)
        : createSecureServer({ cert: certificate.certificatePem, key: certificate.keyPem }, listener);
    // While a large volume is copied nothing else happens here. A connection on which a request
    // waits since then is not idle.
    this.#server.keepAliveTimeout = keptMs;
  }

  /** @param options.isSecure whether it is asked by TLS, with a certificate of `ca` */
  static async start({ isSecure = false }: { readonly isSecure?: boolean } = {}): Promise<FakeTower> {
    const valid = { nowMs: Date.now(), validMs: 24 * 3_600_000 };
    const tower = new FakeTower(isSecure ? await attachmentCertificate({ hosts: ["127.0.0.1"], ...valid }) : undefined);
    await tower.resume();
    return tower;
  }

  get url(): string {
    return `${this.ca === undefined ? "http" : "https"}://127.0.0.1:${this.#port}`;
  }

  /** Tokens are not known any more. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  /** Nobody listens, until `resume`. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async resume(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address() as AddressInfo;
    this.#port = address.port;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").replace(/^\/v2\/api/, "").replace(/\?.*/, "");
    const body = await readBody(request).catch(() => undefined);
    let status = 200;
    try {
      const fault = this.faults.take(path, body);
      if (fault?.kind === "silence") return;
      if (fault?.kind === "lost-answer") {
        if (fault.isDone) await this.#answer(request, path, body, fault);
        request.socket.destroy();
        status = 0;
        return;
      }
      send(response, 200, await this.#answer(request, path, body, fault));
    } catch (error) {
      status = error instanceof FakeRefusal ? error.status : 500;
      const message = error instanceof Error ? error.message : String(error);
      if (!(error instanceof FakeRefusal) || error.status === 500) this.breaches.push(`${path}: ${message}`);
      const code = error instanceof FakeRefusal ? error.code : undefined;
      send(response, status, { status, message, path: `/v2/api${path}`, ...(code !== undefined && { code }) });
    } finally {
      this.requests.push({ operation: path.slice(1), body, status });
      if (this.requests.length > 10_000) this.requests.splice(0, 5_000);
    }
  }

  async #answer(request: IncomingMessage, path: string, body: unknown, fault?: FakeFault): Promise<unknown> {
    const contract = this.#contract.operation(path);
    if (contract === undefined) throw new FakeRefusal(404, `there is no ${path}`);
    if (request.method !== contract.method) throw new FakeRefusal(405, `${path} is called by ${contract.method}`);
    const problem = contract.method === "GET" ? undefined : this.#contract.problem(contract.body, body);
    if (problem !== undefined) {
      this.breaches.push(`${path} was sent ${JSON.stringify(body)}: ${problem}`);
      throw new FakeRefusal(400, problem);
    }
    if (path === "/login") return this.#checked(path, contract, this.#login(body));
    if (path === "/get-version") return this.version;
    refuse(fault, this.#tokens.has(request.headers.authorization ?? ""));
    const operation = operations[path];
    if (operation === undefined) throw new FakeRefusal(500, `the stand-in does not know ${path}`);
    return this.#checked(path, contract, await this.#operate(operation, body, fault));
  }

  async #operate(operation: FakeOperation, body: unknown, fault: FakeFault | undefined): Promise<unknown> {
    if (operation.kind === "query") return operation.answer(this.model, body);
    const fate = fault?.kind === "task" ? fault.fate : undefined;
    return operation.changes(this.model, body).map((change) => {
      const task = this.model.tasks.begin(change, fate);
      return { task_id: task.id, data: change.data };
    });
  }

  #login(body: unknown): unknown {
    const { username, password } = body as { username: string; password: string };
    if (username !== this.user || password !== this.password) throw new FakeRefusal(401, "wrong user or password");
    const token = randomBytes(24).toString("base64url");
    this.#tokens.add(token);
    this.givenTokens.push(token);
    return { data: { token } };
  }

  #checked(path: string, { answer }: ContractOperation, value: unknown): unknown {
    const answered = this.#contract.answer(answer, value);
    const problem = this.#contract.problem(answer, answered);
    assert(problem === undefined, `${path} answered ${JSON.stringify(answered)}: ${problem}`);
    return answered;
  }
}

const refuse = (fault: FakeFault | undefined, isKnown: boolean): void => {
  if (!isKnown || fault?.kind === "unauthorized") throw new FakeRefusal(401, "the token is not valid");
  if (fault?.kind === "forbidden") throw new FakeRefusal(403, "the account may not do that");
  if (fault?.kind === "locked") throw new FakeRefusal(400, "the resource is locked", "ResourceLocked");
  if (fault?.kind === "error") throw new FakeRefusal(fault.status, fault.message);
};

const send = (response: ServerResponse, status: number, value: unknown): void => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
};

const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    assert(bytes <= bodyBytesMax);
    chunks.push(chunk);
  }
  return bytes === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
};

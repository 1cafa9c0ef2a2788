import { connect, type Socket } from "node:net";
import type { Time } from "../../time/time.ts";
import { paddingOf } from "../pdu/header.ts";
import { PduParser, type PduSink } from "../pdu/parser.ts";
import type { IscsiPortal } from "../portal.ts";
import { ConnectionLost } from "./lost.ts";

const receiveBytes = 256 * 1024;
const padding = Buffer.alloc(3);

/** A socket that PDUs go through. */
export class Wire {
  /** Never rejects. */
  readonly ended: Promise<ConnectionLost>;
  readonly portal: IscsiPortal;
  readonly #socket: Socket;
  readonly #parser: PduParser;
  #why: ConnectionLost | undefined;
  #receipts = 0;

  private constructor(portal: IscsiPortal, sink: PduSink, bodyBytesMax: number) {
    this.#parser = new PduParser(sink, bodyBytesMax);
    this.portal = portal;
    const { host, port } = portal;
    // One buffer for all that comes: what is wanted is copied from there to where it belongs.
    const callback = (bytes: number, buffer: Uint8Array) => this.#take((buffer as Buffer).subarray(0, bytes));
    const onread = { buffer: Buffer.allocUnsafeSlow(receiveBytes), callback };
    this.#socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000, onread });
    const where = `${host}:${port}`;
    this.#socket.on("error", (cause) => this.end(`the connection to ${where} failed: ${cause.message}`, cause));
    this.#socket.on("end", () => this.end(`${where} closed the connection`));
    const ended = Promise.withResolvers<ConnectionLost>();
    this.#socket.on("close", () => {
      this.#why ??= new ConnectionLost(`the connection to ${where} is closed`);
      ended.resolve(this.#why);
    });
    this.ended = ended.promise;
  }

  /**
   * @param options.sink takes what comes; it may be exchanged
   * @throws ConnectionLost, the signal's reason
   */
  static async connect(
    portal: IscsiPortal,
    options: {
      readonly sink: PduSink;
      readonly bodyBytesMax: number;
      readonly withinMs: number;
      readonly time: Time;
      readonly signal: AbortSignal;
    },
  ): Promise<Wire> {
    const { sink, bodyBytesMax, withinMs, time, signal } = options;
    signal.throwIfAborted();
    const wire = new Wire(portal, sink, bodyBytesMax);
    const over = new AbortController();
    const connected = new Promise<"connected">((resolve) => wire.#socket.once("connect", () => resolve("connected")));
    const late = time.sleep(withinMs, AbortSignal.any([signal, over.signal])).then(() => "late" as const);
    const outcome = await Promise.race([connected, late, wire.ended]);
    over.abort(over);
    if (outcome === "connected") return wire;
    if (outcome === "late") wire.end(`${portal.host}:${portal.port} does not take the connection`);
    signal.throwIfAborted();
    throw await wire.ended;
  }

  set sink(sink: PduSink) {
    this.#parser.sink = sink;
  }

  get hasEnded(): boolean {
    return this.#why !== undefined;
  }

  /** Counts what came, for whoever wants to know whether anything still comes. */
  get receipts(): number {
    return this.#receipts;
  }

  /**
   * Sends one PDU. @param onSent called when `body` is nobody's any more, also when it was not sent
   */
  send(header: Buffer, body?: Uint8Array, onSent?: () => void): void {
    if (body === undefined || body.length === 0) {
      this.#socket.write(header, onSent);
      return;
    }
    const filling = paddingOf(body.length);
    this.#socket.cork();
    this.#socket.write(header);
    this.#socket.write(body, filling === 0 ? onSent : undefined);
    if (filling > 0) this.#socket.write(padding.subarray(0, filling), onSent);
    this.#socket.uncork();
  }

  /** Ends it at once. Nothing is taken and nothing goes out any more. */
  end(why: string, cause?: unknown): void {
    this.#why ??= new ConnectionLost(why, cause === undefined ? undefined : { cause });
    this.#socket.destroy();
  }

  #take(chunk: Buffer): boolean {
    this.#receipts += 1;
    if (this.#why !== undefined) return true;
    try {
      this.#parser.feed(chunk);
    } catch (error) {
      this.end(`the target can't be understood: ${error instanceof Error ? error.message : error}`, error);
    }
    return true;
  }
}

import { VisibleError } from "../../../core/api/errors.ts";
import type { Time } from "../../time/time.ts";
import { within } from "../../time/within.ts";
import type { IscsiCall } from "../call.ts";
import { type IscsiLimits, tickMs, ticksOf } from "../limits.ts";
import type { LoggedIn } from "../login/login.ts";
import { SmallBody } from "../pdu/body.ts";
import { dataBytesOf, opcodeOf, targetTagOf, taskTagOf } from "../pdu/header.ts";
import { answer, asyncEvent, dataInFlag, noTag } from "../pdu/opcode.ts";
import type { PduSink } from "../pdu/parser.ts";
import { IscsiProtocolError } from "../pdu/protocol-error.ts";
import type { IscsiPortal } from "../portal.ts";
import { CommandTask, type ScsiCommand, type ScsiReply, targetFailure } from "./command.ts";
import { ConnectionLost } from "./lost.ts";
import { Pulse } from "./pulse.ts";
import { SessionSpeech } from "./speech.ts";
import { CommandWindow } from "./window.ts";
import type { Wire } from "./wire.ts";

/** Of sense, and of the words of a ping. */
const smallBytesMax = 65_536;
const farewellTicksMax = ticksOf(30);

/** One session of one connection, after its login, until it is lost: it never comes back. */
export class IscsiConnection implements PduSink {
  readonly #wire: Wire;
  readonly #limits: IscsiLimits;
  readonly #maxBurstBytes: number;
  readonly #window: CommandWindow;
  readonly #out: SessionSpeech;
  readonly #pulse: Pulse;
  readonly #small = new SmallBody(smallBytesMax);
  /** Those that wait until the target takes more commands. */
  readonly #queue = new Set<CommandTask>();
  readonly #sent = new Map<number, CommandTask>();
  /** What is to be forgotten, by the tag of that request. */
  readonly #aborts = new Map<number, CommandTask>();
  readonly #over = new AbortController();
  #queueTicks = 0;
  /** Until the session is left, because the target, or we, asked for that. */
  #farewellTicks: number | undefined;

  constructor(options: {
    readonly wire: Wire;
    readonly loggedIn: LoggedIn;
    readonly limits: IscsiLimits;
    readonly time: Time;
  }) {
    const { wire, loggedIn, limits, time } = options;
    this.#wire = wire;
    this.#limits = limits;
    this.#maxBurstBytes = loggedIn.parameters.maxBurstBytes;
    this.#window = new CommandWindow(loggedIn);
    this.#out = new SessionSpeech(wire, this.#window, loggedIn.parameters);
    this.#pulse = new Pulse(limits);
    wire.sink = this;
    void wire.ended.then((lost) => this.#lost(lost));
    void this.#watch(time);
  }

  /** Where it is, which a portal may have sent it to. */
  get portal(): IscsiPortal {
    return this.#wire.portal;
  }

  /** Resolves when it is over. */
  get ended(): Promise<ConnectionLost> {
    return this.#wire.ended;
  }

  /** Whether it takes commands. */
  get isUsable(): boolean {
    return !this.#wire.hasEnded && this.#farewellTicks === undefined;
  }

  /**
   * @throws ConnectionLost (it may or may not have been done), TIMEOUT (it stood still), the
   *   signal's reason; the target has forgotten the command then, or the connection is lost
   */
  run(command: ScsiCommand, call: IscsiCall = {}): Promise<ScsiReply> {
    if (!this.isUsable) return Promise.reject(new ConnectionLost("the connection is not there any more"));
    if (call.signal?.aborted) return Promise.reject(call.signal.reason);
    const task = new CommandTask(command, call);
    const onAbort = () => this.#giveUp(task, call.signal?.reason);
    call.signal?.addEventListener("abort", onAbort, { once: true });
    this.#queue.add(task);
    this.#sendQueued();
    return task.reply.promise.finally(() => call.signal?.removeEventListener("abort", onAbort));
  }

  /** Logs out, if the target answers within a while, and ends. What is under way is lost. */
  async close(time: Time): Promise<void> {
    this.#farewellTicks ??= 0;
    if (!this.#wire.hasEnded) {
      this.#out.logOut();
      await within(this.ended, this.#limits.abortSeconds * 1000, time);
    }
    this.#wire.end("the session was closed");
    await this.ended;
  }

  onBody(header: Buffer, at: number, piece: Buffer): void {
    if (opcodeOf(header) === answer.dataIn) this.#taskOf(header).takeData(header, dataBytesOf(header), at, piece);
    else this.#small.add(piece);
  }

  onPdu(header: Buffer): void {
    const opcode = opcodeOf(header);
    const hasStatus = opcode === answer.dataIn && (header.readUInt8(1) & dataInFlag.status) !== 0;
    this.#window.heard(header, opcode, hasStatus);
    this.#answered(opcode, header, this.#small.take());
    if (hasStatus) this.#replied(header, { sense: Buffer.alloc(0), response: 0 });
    this.#sendQueued();
  }

  #answered(opcode: number, header: Buffer, body: Buffer): void {
    switch (opcode) {
      case answer.dataIn:
        this.#taskOf(header).tookData(header, dataBytesOf(header));
        break;
      case answer.scsiResponse:
        this.#replied(header, { sense: senseIn(body), response: header.readUInt8(2) });
        break;
      case answer.readyToTransfer:
        this.#invited(header);
        break;
      case answer.nopIn:
        if (targetTagOf(header) !== noTag) this.#out.pong(header, body);
        break;
      case answer.taskManagement:
        this.#aborted(header);
        break;
      case answer.asyncMessage:
        this.#told(header);
        break;
      case answer.logout:
        this.#wire.end("the session was closed");
        break;
      case answer.reject:
        throw new IscsiProtocolError(`a request was rejected (${header.readUInt8(2)})`);
      default:
        throw new IscsiProtocolError(`an answer of an unknown kind (${opcode})`);
    }
  }

  #sendQueued(): void {
    if (this.#wire.hasEnded) return;
    for (const task of this.#queue) {
      if (!this.#window.isOpen()) return;
      this.#queue.delete(task);
      this.#queueTicks = 0;
      this.#sent.set(this.#out.command(task), task);
    }
  }

  #invited(header: Buffer): void {
    const task = this.#taskOf(header);
    const { offset, length } = task.invited(header, this.#maxBurstBytes);
    if (task.givenUp === undefined) this.#out.data(task, offset, length, targetTagOf(header));
  }

  #replied(header: Buffer, { sense, response }: { sense: Buffer; response: number }): void {
    const task = this.#taskOf(header);
    this.#sent.delete(taskTagOf(header));
    task.call.onMoved?.();
    const status = response === 0 ? header.readUInt8(3) : targetFailure;
    task.end({ reply: { status, sense, received: task.received } });
    this.#leaveWhenDone();
  }

  #told(header: Buffer): void {
    const event = header.readUInt8(36);
    if (event === asyncEvent.dropConnection || event === asyncEvent.dropSession) {
      this.#wire.end("the target ends the connection");
    } else if (event === asyncEvent.logout || event === asyncEvent.negotiate) {
      this.#farewellTicks ??= Math.min(ticksOf(header.readUInt16BE(42)), farewellTicksMax);
      this.#leaveWhenDone();
    }
  }

  #leaveWhenDone(): void {
    const isDone = this.#sent.size + this.#queue.size === 0;
    if (isDone && this.#farewellTicks !== undefined && !this.#wire.hasEnded) this.#out.logOut();
  }

  #giveUp(task: CommandTask, reason: unknown): void {
    if (task.givenUp !== undefined) return;
    task.givenUp = { reason };
    task.stillTicks = 0;
    if (this.#queue.delete(task)) task.end({ failure: reason });
    else if (task.tag !== undefined && this.#sent.get(task.tag) === task) this.#aborts.set(this.#out.abort(task), task);
  }

  /** The target has forgotten a command, or never knew it. */
  #aborted(header: Buffer): void {
    const task = this.#aborts.get(taskTagOf(header));
    const response = header.readUInt8(2);
    if (task === undefined) throw new IscsiProtocolError("an answer to an abort that nobody asked for");
    if (response > 1) throw new IscsiProtocolError(`a command can't be aborted (${response})`);
    this.#aborts.delete(taskTagOf(header));
    if (task.tag !== undefined) this.#sent.delete(task.tag);
    task.end({ failure: task.givenUp?.reason });
    this.#leaveWhenDone();
  }

  async #watch(time: Time): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await time.sleep(tickMs, signal);
      if (!signal.aborted) this.#tick();
    }
  }

  #tick(): void {
    const act = this.#pulse.tick(this.#wire.receipts);
    if (act === "ask") this.#out.ping();
    if (act === "giveUp") this.#wire.end("the target does not answer any more");
    for (const task of this.#sent.values()) this.#tickTask(task);
    const { commandSeconds, abortSeconds } = this.#limits;
    this.#queueTicks = this.#queue.size === 0 || this.#sent.size > 0 ? 0 : this.#queueTicks + 1;
    if (this.#queueTicks > ticksOf(commandSeconds)) this.#wire.end("the target takes no command");
    if (this.#farewellTicks === undefined) return;
    this.#farewellTicks -= 1;
    if (this.#farewellTicks < -ticksOf(abortSeconds)) this.#wire.end("the target has asked us to leave");
  }

  #tickTask(task: CommandTask): void {
    const { commandSeconds, abortSeconds } = this.#limits;
    task.stillTicks += 1;
    if (task.givenUp !== undefined) {
      if (task.stillTicks > ticksOf(abortSeconds)) this.#wire.end("the target does not abort a command");
    } else if (task.stillTicks > ticksOf(commandSeconds)) {
      this.#giveUp(task, new VisibleError("TIMEOUT", `A command stood still for ${commandSeconds} s.`));
    }
  }

  #lost(lost: ConnectionLost): void {
    this.#over.abort(this.#over);
    for (const task of [...this.#queue, ...this.#sent.values()]) task.end({ failure: lost });
    this.#queue.clear();
    this.#sent.clear();
    this.#aborts.clear();
  }

  #taskOf(header: Buffer): CommandTask {
    const task = this.#sent.get(taskTagOf(header));
    if (task === undefined) throw new IscsiProtocolError("an answer to a command that nobody sent");
    return task;
  }
}

const senseIn = (body: Buffer): Buffer => (body.length < 2 ? body : body.subarray(2, 2 + body.readUInt16BE(0)));

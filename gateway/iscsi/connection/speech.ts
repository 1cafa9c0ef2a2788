import type { SessionParameters } from "../login/parameters.ts";
import { type HeaderFields, headerOf, targetTagOf } from "../pdu/header.ts";
import { abortTask, commandFlag, flag, immediate, noTag, request } from "../pdu/opcode.ts";
import type { CommandTask } from "./command.ts";
import { dataOuts, unasked } from "./data-out.ts";
import type { CommandWindow } from "./window.ts";
import type { Wire } from "./wire.ts";

/** All that a session says. */
export class SessionSpeech {
  readonly #wire: Wire;
  readonly #window: CommandWindow;
  readonly #parameters: SessionParameters;
  #lastTag = 0;

  constructor(wire: Wire, window: CommandWindow, parameters: SessionParameters) {
    this.#wire = wire;
    this.#window = window;
    this.#parameters = parameters;
  }

  /**
   * Sends a command with what may go along unasked. @returns its tag, which the task has as well
   */
  command(task: CommandTask): number {
    const { lun, cdb, into, data, isOrdered = false } = task.command;
    const { immediate: first, behind } = unasked(data?.length ?? 0, this.#parameters);
    task.tag = this.#newTag();
    task.cmdSn = this.#window.take();
    task.sentUnasked(first + behind);
    const flags =
      (behind === 0 ? flag.final : 0) |
      (into === undefined ? 0 : commandFlag.read) |
      (data === undefined ? 0 : commandFlag.write) |
      (isOrdered ? commandFlag.ordered : commandFlag.simple);
    const header = this.#header({
      opcode: request.scsiCommand,
      flags,
      dataBytes: first,
      lun,
      taskTag: task.tag,
      word20: into?.length ?? data?.length ?? 0,
      word24: task.cmdSn,
    });
    header.set(cdb, 32);
    this.#body(task, header, data?.subarray(0, first));
    if (behind > 0) this.data(task, first, behind, noTag);
    return task.tag;
  }

  /** @param targetTag of the R2T that asks for it */
  data(task: CommandTask, offset: number, length: number, targetTag: number): void {
    const { lun, data = new Uint8Array() } = task.command;
    const [bodyBytesMax, taskTag] = [this.#parameters.targetBodyBytesMax, task.tag ?? noTag];
    const { expStatSn } = this.#window;
    for (const out of dataOuts({ lun, data, offset, length, taskTag, targetTag, bodyBytesMax, expStatSn })) {
      this.#body(task, out.header, out.body);
    }
  }

  /** Asks the target to forget a command. @returns the tag of its answer */
  abort(task: CommandTask): number {
    const tag = this.#newTag();
    const header = this.#immediate({
      opcode: request.taskManagement,
      flags: flag.final | abortTask,
      lun: task.command.lun,
      taskTag: tag,
      word20: task.tag ?? noTag,
    });
    header.writeUInt32BE(task.cmdSn, 32);
    this.#wire.send(header);
    return tag;
  }

  /** Asks whether the target is there. */
  ping(): void {
    this.#wire.send(this.#immediate({ opcode: request.nopOut, taskTag: this.#newTag(), word20: noTag }));
  }

  /** Says that we are there, with the words of whoever asked. */
  pong(header: Buffer, body: Buffer): void {
    const lun = Buffer.from(header.subarray(8, 16));
    const [word20, dataBytes] = [targetTagOf(header), body.length];
    this.#wire.send(this.#immediate({ opcode: request.nopOut, taskTag: noTag, word20, lun, dataBytes }), body);
  }

  logOut(): void {
    this.#wire.send(this.#immediate({ opcode: request.logout, taskTag: this.#newTag() }));
  }

  #body(task: CommandTask, header: Buffer, body: Uint8Array | undefined): void {
    if (body === undefined || body.length === 0) {
      this.#wire.send(header);
      return;
    }
    task.bodyQueued();
    this.#wire.send(header, body, () => task.bodySent());
  }

  #newTag(): number {
    this.#lastTag = (this.#lastTag + 1) % noTag;
    return this.#lastTag;
  }

  #immediate(fields: Omit<HeaderFields, "expStatSn" | "word24">): Buffer {
    return this.#header({ ...fields, opcode: fields.opcode | immediate, word24: this.#window.cmdSn });
  }

  #header(fields: Omit<HeaderFields, "expStatSn">): Buffer {
    return headerOf({ ...fields, expStatSn: this.#window.expStatSn });
  }
}

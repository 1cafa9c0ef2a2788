import type { LoggedIn } from "../login/login.ts";
import { isBefore, nextOf } from "../pdu/header.ts";
import { answer } from "../pdu/opcode.ts";

/**
 * Answers whose number is used up by them; an R2T, and data without status, only tell the next one.
 */
const numbered = new Set<number>([
  answer.nopIn,
  answer.scsiResponse,
  answer.taskManagement,
  answer.text,
  answer.logout,
  answer.asyncMessage,
  answer.reject,
]);

/**
 * The numbers of commands and answers, and how many commands the target takes (RFC 7143, 4.2.2).
 */
export class CommandWindow {
  #nextCmdSn: number;
  #maxCmdSn: number;
  #expStatSn: number;

  constructor({ nextCmdSn, maxCmdSn, expStatSn }: LoggedIn) {
    this.#nextCmdSn = nextCmdSn;
    this.#maxCmdSn = maxCmdSn;
    this.#expStatSn = expStatSn;
  }

  /** Of the next command, which an immediate one does not use up. */
  get cmdSn(): number {
    return this.#nextCmdSn;
  }

  /** The first answer that is not acknowledged yet. */
  get expStatSn(): number {
    return this.#expStatSn;
  }

  isOpen(): boolean {
    return !isBefore(this.#maxCmdSn, this.#nextCmdSn);
  }

  take(): number {
    const taken = this.#nextCmdSn;
    this.#nextCmdSn = nextOf(taken);
    return taken;
  }

  /** @param hasStatus of data: whether the command's status came with it */
  heard(header: Buffer, opcode: number, hasStatus: boolean): void {
    const [expCmdSn, maxCmdSn] = [header.readUInt32BE(28), header.readUInt32BE(32)];
    const isNonsense = isBefore(nextOf(maxCmdSn), expCmdSn);
    if (!isNonsense && isBefore(this.#maxCmdSn, maxCmdSn)) this.#maxCmdSn = maxCmdSn;
    // A question of the target's own uses up no number.
    const isQuestion = opcode === answer.nopIn && header.readUInt32BE(16) === 0xffff_ffff;
    if ((numbered.has(opcode) && !isQuestion) || hasStatus) this.#expStatSn = nextOf(header.readUInt32BE(24));
  }
}

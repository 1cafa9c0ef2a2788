import { reservationIn, reservationOut } from "../scsi/cdb.ts";
import { good, type ScriptedReply } from "./disk.ts";

const conflict: ScriptedReply = { status: 0x18 };

/** The reservations of a disk in memory, which know no sessions: a key is registered or not. */
export class ScriptedReservations {
  keys: bigint[] = [];
  holder: bigint | undefined;

  /** Undefined for what is no command of theirs. */
  reply(cdb: Buffer, data: Buffer): ScriptedReply | undefined {
    if (cdb[0] === 0x5e) return { data: cdb[1] === reservationIn.readKeys ? this.#keys() : this.#holder() };
    if (cdb[0] !== 0x5f) return undefined;
    const [key, other] = [data.readBigUInt64BE(0), data.readBigUInt64BE(8)];
    if (cdb[1] === reservationOut.registerAndIgnore) {
      this.keys.push(other);
      return good;
    }
    const isKnown = this.keys.includes(key) && (cdb[1] !== reservationOut.preempt || this.keys.includes(other));
    return isKnown ? this.#change(cdb[1] ?? 0, key, other) : conflict;
  }

  #change(action: number, key: bigint, other: bigint): ScriptedReply {
    if (action === reservationOut.reserve) {
      if (this.holder !== undefined && this.holder !== key) return conflict;
      this.holder = key;
    } else if (action === reservationOut.preempt) {
      this.keys = this.keys.filter((each) => each !== other);
      if (this.holder === other) this.holder = key;
    } else if (action === reservationOut.clear) [this.keys, this.holder] = [[], undefined];
    return good;
  }

  #keys(): Buffer {
    const data = Buffer.alloc(8 + 8 * this.keys.length);
    data.writeUInt32BE(8 * this.keys.length, 4);
    for (const [i, key] of this.keys.entries()) data.writeBigUInt64BE(key, 8 + 8 * i);
    return data;
  }

  #holder(): Buffer {
    if (this.holder === undefined) return Buffer.alloc(8);
    const data = Buffer.alloc(24);
    data.writeUInt32BE(16, 4);
    data.writeBigUInt64BE(this.holder, 8);
    data[21] = 5;
    return data;
  }
}

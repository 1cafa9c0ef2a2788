import { randomInt } from "node:crypto";
import { LRUCache } from "lru-cache";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { Lun, MappedRange } from "../../../iscsi/lun/lun.ts";
import type { StorageCall } from "../../call.ts";

const windowBytes = 64 * 1024 * 1024;
const windowsMax = 4;
/** A shorter one is read with what is around it: a request costs more than its bytes. */
const holeBytesMin = 256 * 1024;
/** So many holes of a window are looked into, so many bytes each. */
const looks = 4;
const lookBytes = 4096;

/**
 * What a LUN says to have nothing of, a window at a time: that is not read. It is not taken on
 * trust alone: here and there it is looked whether there are zeros.
 */
export class Holes {
  readonly #lun: Pick<Lun, "mapped" | "read" | "sizeBytes" | "blockBytes">;
  readonly #onLie: () => Promise<void>;
  readonly #windows = new LRUCache<number, Promise<readonly MappedRange[] | undefined>>({ max: windowsMax });

  /** @param of.onLie told when there is something in a hole: nothing more is to be believed */
  constructor(of: {
    readonly lun: Pick<Lun, "mapped" | "read" | "sizeBytes" | "blockBytes">;
    readonly onLie: () => Promise<void>;
  }) {
    this.#lun = of.lun;
    this.#onLie = of.onLie;
  }

  /**
   * In order and without gaps, up to the LUN's end.
   * @returns undefined where the LUN can't tell
   * @throws DISK_FAILED where a hole has something
   */
  async rangesOf(offset: number, length: number, call?: StorageCall): Promise<readonly MappedRange[] | undefined> {
    const { sizeBytes, blockBytes } = this.#lun;
    if (offset % blockBytes !== 0 || length % blockBytes !== 0) return undefined;
    const end = Math.min(offset + length, sizeBytes);
    const found: MappedRange[] = [];
    for (let at = offset - (offset % windowBytes); at < end; at += windowBytes) {
      const ranges = await this.#window(at, call);
      if (ranges === undefined) return undefined;
      for (const range of ranges) {
        const from = Math.max(offset, range.offset);
        const until = Math.min(end, range.offset + range.length);
        if (from < until) found.push({ offset: from, length: until - from, isMapped: range.isMapped });
      }
    }
    return found;
  }

  #window(at: number, call: StorageCall | undefined): Promise<readonly MappedRange[] | undefined> {
    const known = this.#windows.get(at);
    if (known !== undefined) return known;
    const asking = this.#ask(at, call);
    this.#windows.set(at, asking);
    asking.catch(() => {
      if (this.#windows.peek(at) === asking) this.#windows.delete(at);
    });
    return asking;
  }

  async #ask(at: number, call: StorageCall | undefined): Promise<readonly MappedRange[] | undefined> {
    const ranges = await this.#lun.mapped(at, Math.min(windowBytes, this.#lun.sizeBytes - at), call);
    const holes = ranges?.filter(({ isMapped }) => !isMapped) ?? [];
    const some = Array.from({ length: holes.length === 0 ? 0 : looks }, () => holes[randomInt(holes.length)]);
    await Promise.all(some.map((hole) => hole && this.#look(hole, call)));
    return ranges && withoutSmallHoles(ranges);
  }

  async #look({ offset, length }: MappedRange, call: StorageCall | undefined): Promise<void> {
    const { blockBytes } = this.#lun;
    const into = new Uint8Array(Math.min(length, Math.max(lookBytes, blockBytes)));
    const at = offset + randomInt((length - into.length) / blockBytes + 1) * blockBytes;
    await this.#lun.read(at, into, call);
    if (into.every((byte) => byte === 0)) return;
    await this.#onLie();
    throw new VisibleError("DISK_FAILED", `A LUN says that it has nothing at byte ${at}, and has something there.`, {
      hint: "It is not asked again, and all is read. Restore points since the last probe may lack such bytes: verify them, and report this with what this prints: smtx-backup gateway probe -c gateway.yaml",
    });
  }
}

const withoutSmallHoles = (ranges: readonly MappedRange[]): readonly MappedRange[] => {
  const joined: MappedRange[] = [];
  for (const { offset, length, isMapped } of ranges) {
    const isRead = isMapped || length < holeBytesMin;
    const last = joined.at(-1);
    if (last?.isMapped !== isRead) joined.push({ offset, length, isMapped: isRead });
    else joined[joined.length - 1] = { ...last, length: last.length + length };
  }
  return joined;
};

import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { type FileVolume, showFile } from "./files.ts";
import type { SshRunner } from "./runner.ts";

/** As many as run beside each other at a node. */
const askedAtOnce = 4;

/**
 * Which volumes files are. It never changes of a file, so each is asked for once: a cluster may
 * have thousands.
 */
export class FileVolumes {
  readonly #ssh: SshRunner;
  readonly #known = new Map<string, FileVolume>();

  constructor(ssh: SshRunner) {
    this.#ssh = ssh;
  }

  /**
   * By their inodes: all that there are, since others are forgotten. One that a node does not tell
   * of is missing, and asked for again another time: what there is besides files must not depend on
   * it.
   */
  async of(inodeIds: readonly string[], call?: StorageCall): Promise<ReadonlyMap<string, FileVolume>> {
    const unknown = inodeIds.filter((id) => !this.#known.has(id));
    for (let from = 0; from < unknown.length; from += askedAtOnce) {
      const answered = await Promise.all(unknown.slice(from, from + askedAtOnce).map((id) => this.#ask(id, call)));
      call?.onMoved?.();
      // Where nobody answers, nobody answers about the others.
      if (answered.includes("unreachable")) break;
    }
    const there = new Set(inodeIds);
    for (const id of this.#known.keys()) if (!there.has(id)) this.#known.delete(id);
    return new Map(
      inodeIds.flatMap((id) => {
        const known = this.#known.get(id);
        return known === undefined ? [] : [[id, known] as const];
      }),
    );
  }

  async #ask(id: string, call: StorageCall | undefined): Promise<"told" | "untold" | "unreachable"> {
    try {
      this.#known.set(id, await showFile(this.#ssh, id, call));
      return "told";
    } catch (error) {
      call?.signal?.throwIfAborted();
      if (!(error instanceof VisibleError)) throw error;
      return VisibleError.is(error, "CLUSTER_TASK_FAILED") ? "untold" : "unreachable";
    }
  }
}

import { randomBytes } from "node:crypto";
import { EntityTable, type FakeCluster } from "./entities/entity.ts";

/** What a change asks of the cluster. */
export interface FakeChange {
  /** What is answered at once: the entity as it is before the task has ended. */
  readonly data: object;
  readonly cluster: FakeCluster;
  /** IscsiLun, for instance, and whether it is created, updated or deleted. */
  readonly type: string;
  readonly mutation: "create" | "update" | "delete";
  readonly description: string;
  readonly run: () => Promise<void> | void;
  /** How often its task is asked after before it ends, of what takes long. */
  readonly polls?: number;
  /** Takes back what was there at once. */
  readonly undo?: () => void;
}

/** What happens to a task. Absent: it is done as soon as that may be. */
export type TaskFate =
  | { readonly kind: "fails"; readonly code: string; readonly message: string }
  /** Whether the cluster does it nevertheless. */
  | { readonly kind: "hangs"; readonly isDone: boolean }
  /** It moves on each time that it is asked after, so often. */
  | { readonly kind: "slow"; readonly polls: number };

export class FakeTask {
  readonly id: string = `c${randomBytes(12).toString("hex")}`;
  readonly cluster: FakeCluster;
  readonly description: string;
  readonly resource_type: string;
  readonly resource_mutation: string;
  readonly resource_id: string | null;
  readonly local_created_at: string = new Date().toISOString();
  readonly started_at: string = new Date().toISOString();
  readonly internal = false;
  readonly args: object = {};
  readonly snapshot = "{}";
  readonly steps: readonly object[] = [];
  finished_at: string | null = null;
  status: "PENDING" | "EXECUTING" | "SUCCESSED" | "FAILED" = "EXECUTING";
  progress = 0;
  error_code: string | null = null;
  error_message: string | null = null;

  constructor(change: FakeChange) {
    this.cluster = change.cluster;
    this.description = change.description;
    this.resource_type = change.type;
    this.resource_mutation = change.mutation;
    const id: unknown = Reflect.get(change.data, "id");
    this.resource_id = typeof id === "string" ? id : null;
  }

  get hasEnded(): boolean {
    return this.status === "SUCCESSED" || this.status === "FAILED";
  }

  end(error?: { readonly code: string; readonly message: string }): void {
    if (this.hasEnded) return;
    this.status = error === undefined ? "SUCCESSED" : "FAILED";
    this.progress = error === undefined ? 1 : this.progress;
    this.error_code = error?.code ?? null;
    this.error_message = error?.message ?? null;
    this.finished_at = new Date().toISOString();
  }
}

/** A change that the cluster refuses when its task comes to it. */
export class FakeTaskFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** FakeTasks in the order that they came in; a cluster does one thing after the other. */
export class FakeTasks {
  readonly table: EntityTable<FakeTask> = new EntityTable();
  readonly #queues = new Map<FakeCluster, Promise<void>>();
  readonly #slow = new Map<FakeTask, { left: number; readonly polls: number; readonly go: () => void }>();

  /** Begins a change after whatever waits for an answer has got it. */
  begin(change: FakeChange, wanted?: TaskFate): FakeTask {
    const { polls } = change;
    const fate = wanted ?? (polls === undefined ? undefined : ({ kind: "slow", polls } as const));
    const task = this.table.add(new FakeTask(change));
    switch (fate?.kind) {
      case "fails":
        setImmediate(() => this.#fail(task, change, fate));
        break;
      case "hangs":
        if (fate.isDone) this.#queue(change.cluster, async () => change.run());
        break;
      case "slow":
        this.#slow.set(task, { left: fate.polls, polls: fate.polls, go: () => this.#enqueue(task, change) });
        break;
      case undefined:
        this.#enqueue(task, change);
    }
    return task;
  }

  /** Somebody has asked after tasks: the slow ones move. */
  polled(): void {
    for (const [task, slow] of this.#slow) {
      slow.left -= 1;
      task.progress = Math.min(0.99, 1 - slow.left / slow.polls);
      if (slow.left > 0) continue;
      this.#slow.delete(task);
      slow.go();
    }
  }

  /** When a cluster has done what it was asked for so far. */
  async settled(cluster: FakeCluster): Promise<void> {
    await this.#queues.get(cluster);
  }

  #enqueue(task: FakeTask, change: FakeChange): void {
    this.#queue(change.cluster, async () => {
      try {
        await change.run();
        task.end();
      } catch (error) {
        const code = error instanceof FakeTaskFailure ? error.code : "STAND_IN_FAILED";
        this.#fail(task, change, { code, message: error instanceof Error ? error.message : String(error) });
      }
    });
  }

  #queue(cluster: FakeCluster, work: () => Promise<void>): void {
    const before = this.#queues.get(cluster) ?? Promise.resolve();
    this.#queues.set(cluster, before.then(() => new Promise<void>((resolve) => setImmediate(resolve))).then(work));
  }

  #fail(task: FakeTask, change: FakeChange, error: { readonly code: string; readonly message: string }): void {
    change.undo?.();
    task.end(error);
  }
}

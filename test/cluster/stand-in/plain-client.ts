import assert from "node:assert/strict";
import type { FakeTower } from "../rest/tower.ts";

interface Answered {
  readonly task_id: string | null;
  readonly data: Readonly<Record<string, unknown>> & { readonly id: string };
}

/** Asks a stand-in's CloudTower what a test wants, without any of the driver's code. */
export class PlainClient {
  readonly #tower: FakeTower;
  #token = "";

  constructor(tower: FakeTower) {
    this.#tower = tower;
  }

  /** @returns the status and what was answered */
  async call(operation: string, body: unknown): Promise<{ readonly status: number; readonly answer: unknown }> {
    if (this.#token === "") await this.#login();
    const response = await fetch(`${this.#tower.url}/v2/api/${operation}`, {
      method: operation === "get-version" ? "GET" : "POST",
      headers: { "content-type": "application/json", authorization: this.#token },
      ...(operation !== "get-version" && { body: JSON.stringify(body) }),
    });
    return { status: response.status, answer: await response.json() };
  }

  async get<T = Readonly<Record<string, unknown>>>(operation: string, where: object = {}): Promise<readonly T[]> {
    const { status, answer } = await this.call(operation, { where });
    assert.equal(status, 200, JSON.stringify(answer));
    return answer as readonly T[];
  }

  /** Makes a change and waits for its tasks. @returns the first thing that was changed */
  async change(operation: string, body: unknown): Promise<Answered["data"]> {
    const { status, answer } = await this.call(operation, body);
    assert.equal(status, 200, JSON.stringify(answer));
    const changed = answer as readonly Answered[];
    for (const { task_id } of changed) await this.ended(task_id ?? "");
    return changed[0]?.data ?? assert.fail("nothing was changed");
  }

  /** @throws what a task failed with */
  async ended(taskId: string): Promise<void> {
    for (;;) {
      const [task] = await this.get<{ status: string; error_message: string }>("get-tasks", { id: taskId });
      if (task?.status === "SUCCESSED") return;
      assert.notEqual(task?.status, "FAILED", task?.error_message);
    }
  }

  async #login(): Promise<void> {
    const { url, user, password } = this.#tower;
    const response = await fetch(`${url}/v2/api/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: user, password, source: "LOCAL" }),
    });
    const { data } = (await response.json()) as { data: { token: string } };
    this.#token = data.token;
  }
}

import { join } from "node:path";
import { z } from "zod";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Instant } from "../../../core/api/ids.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { readJsonFile, writeJsonFile } from "../json-file.ts";
import { occurrences } from "../ticker/occurrences.ts";

/** A failure as EventBridge Scheduler names it. */
export class SchedulerFault extends Error {
  readonly status: 400 | 404 | 409;
  constructor(name: "ValidationException" | "ResourceNotFoundException" | "ConflictException", message: string) {
    super(message);
    this.name = name;
    this.status = name === "ConflictException" ? 409 : name === "ResourceNotFoundException" ? 404 : 400;
  }
}

/** What a schedule is made of, as it comes over the wire: instants are seconds since 1970. */
export const definitionSchema = z.looseObject({
  /** A request that is sent again, since its answer got lost, has the same. */
  ClientToken: z.string().optional(),
  GroupName: z.string().default("default"),
  ScheduleExpression: z.string(),
  ScheduleExpressionTimezone: z.string().default("UTC"),
  State: z.enum(["ENABLED", "DISABLED"]).default("ENABLED"),
  FlexibleTimeWindow: z.looseObject({ Mode: z.string() }),
  Target: z.looseObject({ Arn: z.string(), RoleArn: z.string() }),
});
const scheduleSchema = definitionSchema.extend({
  Arn: z.string(),
  Name: z.string(),
  CreationDate: z.number(),
  LastModificationDate: z.number(),
});
const fileSchema = z.object({ groups: z.array(z.string()), schedules: z.array(scheduleSchema) });

export type Definition = z.infer<typeof definitionSchema>;
export type EmulatedSchedule = z.infer<typeof scheduleSchema>;
type File = z.infer<typeof fileSchema>;

const nameSchema = z.string().regex(/^[0-9a-zA-Z\-_.]{1,64}$/);
const arnPrefix = "arn:aws:scheduler:us-east-1:000000000000";

const validate = (name: string, { ScheduleExpression, ScheduleExpressionTimezone }: Definition): void => {
  const beginning = new Date(0).toISOString() as Instant;
  const times = { expression: ScheduleExpression, timeZone: ScheduleExpressionTimezone, createdAt: beginning };
  try {
    nameSchema.parse(name);
    occurrences(times, beginning, beginning);
  } catch (error) {
    if (VisibleError.is(error) || error instanceof z.ZodError)
      throw new SchedulerFault("ValidationException", error.message);
    throw error;
  }
};

/**
 * Schedules and their groups in one file, written anew with every change; the default group is
 * always there.
 */
export class Schedules {
  readonly #path: string;
  readonly #clock: Clock;
  #file: File;
  /** Changes are made one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(path: string, clock: Clock, file: File) {
    this.#path = path;
    this.#clock = clock;
    this.#file = file;
  }

  static async open(dir: string, clock: Clock): Promise<Schedules> {
    const path = join(dir, "schedules.json");
    return new Schedules(path, clock, (await readJsonFile(path, fileSchema)) ?? { groups: ["default"], schedules: [] });
  }

  #change(change: (file: File) => File): Promise<void> {
    const next = this.#last.then(async () => {
      const file = change(this.#file);
      await writeJsonFile(this.#path, file);
      this.#file = file;
    });
    // Whoever asked for a change hears of its failure; the next change is made all the same.
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Every schedule, by group and name. */
  list(): readonly EmulatedSchedule[] {
    return this.#file.schedules;
  }

  get(group: string, name: string): EmulatedSchedule {
    const found = this.#file.schedules.find((schedule) => schedule.GroupName === group && schedule.Name === name);
    if (found !== undefined) return found;
    throw new SchedulerFault("ResourceNotFoundException", `Schedule ${name} does not exist.`);
  }

  /**
   * Makes a schedule, once however often the request for it comes, or replaces all of one that is
   * there. Gives its ARN.
   */
  async put(name: string, definition: Definition, mode: "create" | "update"): Promise<string> {
    validate(name, definition);
    const group = definition.GroupName;
    const Arn = `${arnPrefix}:schedule/${group}/${name}`;
    await this.#change((file) => {
      const { groups, schedules } = file;
      const before = schedules.find((schedule) => schedule.Arn === Arn);
      if (mode === "update" && before === undefined) this.get(group, name);
      if (mode === "create" && before !== undefined) {
        if (definition.ClientToken !== undefined && definition.ClientToken === before.ClientToken) return file;
        throw new SchedulerFault("ConflictException", `Schedule ${name} already exists.`);
      }
      if (!groups.includes(group)) {
        throw new SchedulerFault("ResourceNotFoundException", `Schedule group ${group} does not exist.`);
      }
      const now = Date.parse(this.#clock.now()) / 1000;
      const dates = { CreationDate: before?.CreationDate ?? now, LastModificationDate: now };
      const others = schedules.filter((schedule) => schedule !== before);
      const all = [...others, { ...definition, Arn, Name: name, ...dates }];
      return { groups, schedules: all.sort((a, b) => (a.Arn < b.Arn ? -1 : 1)) };
    });
    return Arn;
  }

  async remove(group: string, name: string): Promise<void> {
    await this.#change(({ groups, schedules }) => {
      const removed = this.get(group, name);
      return { groups, schedules: schedules.filter((schedule) => schedule !== removed) };
    });
  }

  /** Makes a group; gives its ARN. */
  async createGroup(name: string): Promise<string> {
    await this.#change(({ groups, schedules }) => {
      if (groups.includes(name)) {
        throw new SchedulerFault("ConflictException", `Schedule group ${name} already exists.`);
      }
      return { groups: [...groups, name], schedules };
    });
    return `${arnPrefix}:schedule-group/${name}`;
  }
}

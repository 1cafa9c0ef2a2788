import { once } from "node:events";
import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { z } from "zod";
import type { Clock } from "../../../core/ports/clock.ts";
import { makeFolder } from "../../../gateway/files/folder.ts";
import type { Emulator } from "./emulator.ts";
import type { EmulatedSchedule } from "./schedules.ts";
import { definitionSchema, SchedulerFault, Schedules } from "./schedules.ts";
import { type EmulatorPlace, listenAt } from "./socket.ts";

export interface SchedulerOptions extends EmulatorPlace {
  /** Where `schedules.json` lies; it is made if need be, and what is in it is found again. */
  readonly dir: string;
  /** Dates the schedules. */
  readonly clock: Clock;
}

const pageMax = 100;

const listQuery = z.object({
  ScheduleGroup: z.string().optional(),
  NamePrefix: z.string().default(""),
  State: z.string().optional(),
  /** The ARN that the page before ended with. */
  NextToken: z.string().default(""),
  MaxResults: z.coerce.number().int().min(1).max(pageMax).default(pageMax),
});

const summaryOf = ({ Arn, Name, GroupName, State, CreationDate, LastModificationDate, Target }: EmulatedSchedule) => ({
  ...{ Arn, Name, GroupName, State, CreationDate, LastModificationDate },
  Target: { Arn: Target.Arn },
});

const listPage = (schedules: Schedules, query: z.infer<typeof listQuery>) => {
  const matching = schedules
    .list()
    .filter(({ GroupName }) => query.ScheduleGroup === undefined || GroupName === query.ScheduleGroup)
    .filter(({ State }) => query.State === undefined || State === query.State)
    .filter(({ Name, Arn }) => Name.startsWith(query.NamePrefix) && Arn > query.NextToken);
  const page = matching.slice(0, query.MaxResults);
  const token = matching.length > page.length ? { NextToken: page.at(-1)?.Arn } : {};
  return { Schedules: page.map(summaryOf), ...token };
};

/**
 * The part of EventBridge Scheduler's REST-JSON protocol that the product and the ticker
 * use. It stores schedules; firing them is the ticker's. Source: "Amazon EventBridge
 * Scheduler API Reference".
 */
const createApp = (schedules: Schedules) => {
  const app = new Hono();
  const groupOf = (name: string | undefined) => name ?? "default";
  app.get("/schedules", (c) => c.json(listPage(schedules, listQuery.parse(c.req.query()))));
  app.get("/schedules/:name", (c) => c.json(schedules.get(groupOf(c.req.query("groupName")), c.req.param("name"))));
  app.post("/schedules/:name", async (c) => {
    const definition = definitionSchema.parse(await c.req.json());
    return c.json({ ScheduleArn: await schedules.put(c.req.param("name"), definition, "create") });
  });
  app.put("/schedules/:name", async (c) => {
    const definition = definitionSchema.parse(await c.req.json());
    return c.json({ ScheduleArn: await schedules.put(c.req.param("name"), definition, "update") });
  });
  app.delete("/schedules/:name", async (c) => {
    await schedules.remove(groupOf(c.req.query("groupName")), c.req.param("name"));
    return c.json({});
  });
  app.post("/schedule-groups/:name", async (c) =>
    c.json({ ScheduleGroupArn: await schedules.createGroup(c.req.param("name")) }),
  );
  app.onError((error, c) => {
    const fault = error instanceof z.ZodError ? new SchedulerFault("ValidationException", error.message) : error;
    if (!(fault instanceof SchedulerFault)) {
      return c.json({ Message: fault.message }, 500, { "x-amzn-errortype": "InternalServerException" });
    }
    return c.json({ Message: fault.message }, fault.status, { "x-amzn-errortype": fault.name });
  });
  return app;
};

/**
 * Starts the emulator of EventBridge Scheduler in this process, on a socket or on 127.0.0.1.
 * @throws {VisibleError} CONFLICT when the port is taken, STORE_CORRUPT when its file is damaged
 */
export const startScheduler = async ({ dir, clock, ...place }: SchedulerOptions): Promise<Emulator> => {
  await makeFolder(dir);
  const app = createApp(await Schedules.open(dir, clock));
  const server = createServer(getRequestListener(app.fetch));
  const endpoint = await listenAt(place, async (where) => {
    server.listen(where);
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  return {
    endpoint,
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};

import { z } from "zod";
import { nameSchema } from "../object/common.ts";

/** A plan has so many stages at most; what is in none of them is started after them. */
export const stagesMax = 50;
/** One of them names so much. */
const stageObjectsMax = 500;
/** What is to happen within a stage, happens within an hour. */
const stageSecondsMax = 3600;
/** A check that says nothing else waits so long. */
export const readyWithinSeconds = 300;

/** `host:port`, with an address of IPv6 in brackets. */
const tcpSchema = z
  .string()
  .max(260)
  .regex(
    /^(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z](?:[0-9A-Za-z.-]{0,251}[0-9A-Za-z])?):[0-9]{1,5}$/,
    "a host and a port, such as db.example:5432",
  )
  .refine((text) => {
    const port = Number(text.slice(text.lastIndexOf(":") + 1));
    return port >= 1 && port <= 65_535;
  }, "a port is from 1 to 65535");

const httpSchema = z
  .string()
  .max(2000)
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
    return isHttp && url.username === "" && url.password === "";
  }, "a URL such as http://web.example/health, without a password");

/** When what a stage has started is ready, as the gateway of its site sees it. */
export const readinessSchema = z.union([
  /** Somebody accepts a connection there. */
  z.strictObject({ tcp: tcpSchema }),
  /** A GET of it is answered so; nothing is followed. */
  z.strictObject({ http: httpSchema, status: z.int().min(100).max(599).default(200) }),
  /** The guest agent of each of the stage's VMs answers: where the site's storage has such. */
  z.strictObject({ guestAgent: z.literal(true) }),
]);
export type Readiness = z.infer<typeof readinessSchema>;

const pause = {
  /** After they were switched on, and before it is looked whether they are ready. */
  delaySeconds: z.int().min(0).max(stageSecondsMax).optional(),
  ready: readinessSchema.optional(),
  /** So long it may take until they are. Else the failover halts. */
  withinSeconds: z.int().min(1).max(stageSecondsMax).optional(),
};

/** What comes between a stage's objects and the next stage. */
export const stagePauseSchema = z.object(pause);
export type StagePause = z.infer<typeof stagePauseSchema>;

/** Objects that a failover starts together, before those of the next stage. */
export const stageSchema = z
  .strictObject({
    /** Their names, in which `*` stands for any characters and `?` for one; or ids. */
    objects: z.array(nameSchema.min(1)).min(1).max(stageObjectsMax),
    ...pause,
    /** A person is told this after the stage, and says when it goes on. */
    message: z.string().min(1).max(500).optional(),
  })
  .refine(({ ready, withinSeconds }) => ready !== undefined || withinSeconds === undefined, {
    path: ["withinSeconds"],
    message: "it says how long `ready` may take, and there is none",
  });
export type PlanStage = z.infer<typeof stageSchema>;

import type { VmNic } from "../../core/api/object/vm.ts";
import { type Mapping, type ObjectConfig, switchesOf } from "../../core/api/object.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { PrepareTask, TaskResultOf } from "../../core/api/task.ts";
import { shellWord } from "../../core/plan/facilities.ts";
import type { Staged } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { ownerOf, type TaskContext } from "./context.ts";
import { isAtHome } from "./home/objects-here.ts";
import { boundedWarnings } from "./warnings.ts";

/**
 * Makes the mirror of one object, or brings it up to date (W6, W10), where and connected as the
 * mapping says, and grants it to the sender for the run's group. A NIC whose switch is not mapped
 * is told of, and is no reason to keep data back.
 * @throws GROUP_EXISTS, GROUP_STALE, SWITCH_UNKNOWN, POOL_UNKNOWN, POOL_FULL, OBJECT_NAME_TAKEN,
 *   and what else the storage throws
 */
export const prepare = async (task: PrepareTask, { storage }: TaskContext): Promise<TaskResultOf<"prepare">> => {
  const { object } = task;
  const mapping = await mappingFor(task, storage);
  const refused: Reason[] = [];
  const volumes = await storage.prepareMirror({
    owner: ownerOf(task),
    object,
    ...(mapping !== undefined && { mapping }),
    ...(task.staged !== undefined && { staged: stagedBy(task, task.staged) }),
    run: {
      ...{ groupId: task.groupId, sequence: task.sequence, index: task.index },
      sender: task.sender ?? task.source,
    },
    onWarning: (warning) => refused.push(warning),
  });
  const warnings = boundedWarnings([...unconnected(object, mapping, task), ...refused]);
  return { kind: "prepare", volumes: [...volumes], keepsConfig: true, ...(warnings.length > 0 && { warnings }) };
};

/** A VM's switches are another site's: what is not mapped is not connected. */
const mappingFor = async (
  task: PrepareTask,
  storage: Pick<StorageDriver, "facilities">,
): Promise<Mapping | undefined> => {
  const { object, mapping } = task;
  if (object.kind !== "vm") return mapping;
  if (!isAtHome(task) || task.staged !== undefined) return mapping ?? { switches: {} };
  // Of a plan that is away, copied to where it comes from: there they are what they are.
  const there = new Set((await storage.facilities()).switches.map(({ name }) => name));
  const own = switchesOf(object).filter((name) => there.has(name));
  return { ...mapping, switches: Object.fromEntries(own.map((name) => [name, name])) };
};

const stagedBy = (
  { runId, source }: Pick<PrepareTask, "runId" | "source">,
  { seed }: NonNullable<PrepareTask["staged"]>,
): Staged => ({
  restoreId: runId,
  seed: seed && { groupId: seed.groupId, owner: { planId: seed.planId, source } },
});

/** The NICs of an object that its mirror has without a connection, each with its switch. */
const unconnected = (
  object: ObjectConfig,
  mapping: Mapping | undefined,
  { siteId: site, source }: Pick<PrepareTask, "siteId" | "source">,
): readonly Reason[] => {
  if (object.kind !== "vm") return [];
  return object.vm.nics.flatMap(({ macAddress, virtualSwitch }: VmNic) => {
    if (virtualSwitch === null || Object.hasOwn(mapping?.switches ?? {}, virtualSwitch)) return [];
    const message = `The NIC ${macAddress} of the vm “${object.name}” is on the virtual switch “${virtualSwitch}”. Nothing on site “${site}” takes the place of that: the mirror's NIC is not connected. Map it with: smtx-backup site map ${source} --to ${site} ${shellWord(virtualSwitch)}=SWITCH`;
    return [{ code: "SWITCH_UNMAPPED", message }];
  });
};

import { type Command, Option } from "commander";
import { objectKindSchema } from "../../core/api/object/common.ts";
import { size } from "../input/bytes.ts";
import { kindOption, runId, siteOption, storeOption, wholeNumber } from "../input/options.ts";
import { facilityKinds } from "../render/facility.ts";
import type { Answering } from "./command.ts";
import { labelObject, setPower, updateObject } from "./object-change.ts";
import { createObjects } from "./object-create.ts";
import { deleteObjectOrRestored } from "./object-delete.ts";
import { listObjects, showObject } from "./object-list.ts";

const nameArgument = ["<name>", "its name or id; of an NFS file /exports/EXPORT/PATH"] as const;
const here = () => siteOption("the site, whose storage is on this host").makeOptionMandatory();
const oneKind = () => kindOption("where objects of several kinds have the name");
const lookStore = () =>
  new Option("--store <dir>", "look at this extentstore itself, where there is no API").conflicts("refresh");
const vcpuMax = 1024;

export const addObjectCommands = (program: Command, answering: Answering): void => {
  const object = program
    .command("object")
    .description("what the sites have to protect: LUNs, NFS files, virtual volumes and VMs");
  addLooking(object, answering);
  addMaking(object, answering);
  addChanging(object, answering);
};

const addLooking = (object: Command, answering: Answering): void => {
  object
    .command("list")
    .description("list what a site has, as its gateways saw it last, and why some of it can't be protected")
    .addOption(siteOption("the site").makeOptionMandatory())
    .addOption(kindOption("only these"))
    .option("--refresh", "have a gateway look now, and wait for it up to 15 s", false)
    .addOption(lookStore())
    .action(answering(listObjects));
  object
    .command("show")
    .description("show an object: of a VM its disks, its NICs, and what backups leave out")
    .argument(...nameArgument)
    .addOption(siteOption("the site").makeOptionMandatory())
    .addOption(oneKind())
    .option("--refresh", "have a gateway look now, and wait for it up to 15 s", false)
    .addOption(lookStore())
    .action(answering(showObject));
};

const addMaking = (object: Command, answering: Answering): void => {
  object
    .command("create")
    .description(
      "make pools, virtual switches, NFS exports and objects in an extentstore: all that a file has, or nothing",
    )
    .requiredOption(
      "-f, --file <file>",
      "YAML documents, one each; - is standard input. docs/objects.md has their fields",
    )
    .addOption(here())
    .addOption(storeOption())
    .action(answering(createObjects));
  object
    .command("delete")
    .description(
      "delete an object of an extentstore, or at any site what a restore has made; restore points stay. It asks first, and ends with 1 when the answer is not yes",
    )
    .argument("[name]", `${nameArgument[1]}; with --restore, without one, all that it has made`)
    .addOption(siteOption("the site; without --restore, its storage is on this host").makeOptionMandatory())
    .addOption(
      new Option("--restore <run>", "what this rebuild or clone has made at the site, which deletes it itself")
        .argParser(runId)
        .conflicts(["store", "kind"]),
    )
    .option("--dry-run", "with --restore: only show what would go, and how much space that gives back", false)
    .option("--wait", "with --restore: wait until it is gone; exit code 1 when it failed", false)
    .addOption(
      new Option(
        "--kind <kind>",
        "where objects of several kinds have the name; and for a pool, a switch or an export",
      ).choices([...objectKindSchema.options, ...Object.keys(facilityKinds)]),
    )
    .option("--yes", "don't ask", false)
    .addOption(storeOption())
    .action(answering(deleteObjectOrRestored));
};

const addChanging = (object: Command, answering: Answering): void => {
  object
    .command("update")
    .description(
      "change an object of an extentstore; what is not said stays. Lists of disks and NICs are replaced whole: it asks before one that is not listed goes",
    )
    .argument(...nameArgument)
    .addOption(here())
    .option(
      "-f, --file <file>",
      "a YAML document with what changes; - is standard input. docs/objects.md has its fields",
    )
    .option("--name <name>", "give it another name; its plans go on")
    .addOption(new Option("--size <size>", "let its volume grow: 20GiB").argParser(size))
    .addOption(new Option("--memory <size>", "of a VM: 8GiB").argParser(size))
    .addOption(new Option("--vcpu <n>", "of a VM").argParser(wholeNumber(1, vcpuMax)))
    .addOption(oneKind())
    .option("--yes", "don't ask before disks or NICs go", false)
    .addOption(storeOption())
    .action(answering(updateObject));
  object
    .command("label")
    .description("label an object of an extentstore: env=prod sets a label, env- takes it away")
    .argument(...nameArgument)
    .argument("<labels...>", "env=prod, tier-")
    .addOption(here())
    .addOption(oneKind())
    .addOption(storeOption())
    .action(answering(labelObject));
  for (const power of ["on", "off"] as const) {
    object
      .command(`power-${power}`)
      .description(`switch a VM of an extentstore ${power}`)
      .argument(...nameArgument)
      .addOption(here())
      .addOption(storeOption())
      .action(
        answering((context, name: string, options: { site: string; store?: string }) =>
          setPower(context, name, options, power),
        ),
      );
  }
};

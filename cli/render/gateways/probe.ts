import type { ProbeReport } from "../../../gateway/storage/smtx/probe/report.ts";
import { printable, type Style } from "../style.ts";

const indent = " ".repeat("unknown  ".length);

/** A probe's report, for people, and for whom they send it to. */
export const probeText = (report: ProbeReport, style: Style): string => {
  const { day, version, towerVersion, clusterVersion, nodes, seconds, answers, left } = report;
  const about = `smtx-backup ${version} asked SMTX OS ${clusterVersion} (${nodes} nodes, CloudTower ${towerVersion}) on ${day}, in ${seconds} s.`;
  const lines = answers.flatMap(({ question, answer, evidence }) => [
    `${style[answer === "yes" ? "good" : "strong"](answer.padEnd("unknown".length))}  ${question}`,
    `${indent}${printable(evidence)}`,
  ]);
  const rest =
    left.length === 0
      ? ["All that was made for this is removed."]
      : ["Left on the cluster; the next probe removes it:", ...left.map((name) => `  ${printable(name)}`)];
  return [printable(about), "", ...lines, "", ...rest].join("\n");
};

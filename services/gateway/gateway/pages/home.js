"use strict";
document.getElementById("origin").textContent = location.origin;
const list = document.getElementById("services");
const line = (name, state) => {
  const item = document.createElement("li"), dot = document.createElement("span"), small = document.createElement("small");
  dot.className = "dot " + state.status;
  const words = [state.status];
  if (state.broker === "away") words.push("broker away");
  if (state.database && state.database !== "migrated") words.push("database " + state.database);
  if (state.projections && state.projections !== "read") words.push(state.projections);
  if (state.consumers && state.consumers !== "running") words.push("consumers " + state.consumers);
  small.textContent = words.join(", ");
  item.append(dot, name, small);
  return item;
};
const look = async () => {
  try {
    const state = await (await fetch("/v1/status")).json();
    list.replaceChildren(...Object.entries(state.services).map(([name, service]) => line(name, service)));
  } catch {
    list.replaceChildren(line("gateway", {status: "away"}));
  }
};
look();
setInterval(look, 5000);

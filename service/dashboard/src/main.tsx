import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/controls.css";
import "./styles/list.css";
import "./styles/job.css";
import "./styles/record.css";
import "./styles/forms.css";
import "./styles/explain.css";
import "./styles/narrow.css";
import { App } from "./app.tsx";
import { followAddress, shareKey, startClock } from "./session.ts";

followAddress();
shareKey();
startClock();
const root = document.getElementById("page");
if (root) render(<App />, root);

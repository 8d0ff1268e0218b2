//! The Slurm file of docs/cluster against a real Slurm: a controller and two workers on this machine. Needs root and
//! Debian's packages slurm-wlm and munge, and is run by hand:
//!
//! ```text
//! cargo test --release -p tests --test slurm -- --ignored --nocapture
//! ```
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tests::browser::wait_for;
use tests::program::{Folder, good, program, trainer};
use trainer::experiment::{Job, Scale, cells, plan};

const MINUTES: Duration = Duration::from_secs(300);
const WORKERS: [&str; 2] = ["n1", "n2"];

/// A controller and two workers with one processor each, ended with the test.
struct Slurm {
    folder: Folder,
    running: Vec<(&'static str, Child)>,
}

impl Slurm {
    fn start() -> Slurm {
        let folder = Folder::new("slurm");
        let at = |name: &str| folder.at(name).display().to_string();
        for name in ["state", "n1", "n2", "munge"] {
            fs::create_dir(folder.at(name)).unwrap();
        }
        let key: Vec<u8> = (0..1024_u32).map(|i| (i * 167 % 251) as u8).collect();
        folder.file("munge/key", key);
        for (name, mode) in [("munge/key", 0o400), ("munge", 0o700)] {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder.at(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let worker = |(at, name): (usize, &&str)| {
            let port = 26_818 + at;
            format!("NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=1 State=UNKNOWN\n")
        };
        let workers: String = WORKERS.iter().enumerate().map(worker).collect();
        let settings = format!(
            "ClusterName=test\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort=26817\nSlurmUser=root\nSlurmdUser=root\n\
             AuthType=auth/munge\nAuthInfo=socket={}\nCredType=cred/munge\nStateSaveLocation={}\nSlurmdSpoolDir={}/%n\n\
             SlurmctldPidFile={}\nSlurmdPidFile={}/%n.pid\nSlurmctldLogFile={}\nSlurmdLogFile={}/%n.log\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_CPU\nReturnToService=2\nSlurmdTimeout=10\nKillWait=10\nMpiDefault=none\n\
             JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n{workers}\
             PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP\n",
            at("munge/socket"),
            at("state"),
            folder.0.display(),
            at("ctld.pid"),
            folder.0.display(),
            at("ctld.log"),
            folder.0.display(),
        );
        folder.file("slurm.conf", settings);
        let mut slurm = Slurm { folder, running: Vec::new() };
        let file = |name: &str| format!("{}/munge/{name}", slurm.folder.0.display());
        let munged = [
            "--foreground".into(),
            "--force".into(),
            format!("--key-file={}", file("key")),
            format!("--socket={}", file("socket")),
            format!("--pid-file={}", file("pid")),
            format!("--log-file={}", file("log")),
            format!("--seed-file={}", file("seed")),
        ];
        slurm.begin("munged", "munged", &munged.each_ref().map(String::as_str));
        let socket = slurm.folder.at("munge/socket");
        wait_for("munge", MINUTES, || socket.exists().then_some(()));
        slurm.begin("controller", "slurmctld", &["-D", "-c"]);
        for worker in WORKERS {
            slurm.begin(worker, "slurmd", &["-D", "-N", worker]);
        }
        wait_for("two idle workers", MINUTES, || {
            (slurm.ask("sinfo", &["-h", "-o", "%D %t"]) == "2 idle").then_some(())
        });
        slurm
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.folder.at("slurm.conf")).stdin(Stdio::null());
        command
    }

    fn begin(&mut self, name: &'static str, program: &str, arguments: &[&str]) {
        let log = fs::File::create(self.folder.at(&format!("{name}.out"))).unwrap();
        let mut command = self.command(program);
        command.args(arguments).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{program} of slurm-wlm and munge: {error}"));
        self.running.push((name, child));
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Sends the array of docs/cluster.
    fn send(&self, array: &str, list: &Path, out: &Path) {
        let file = std::env::current_dir().unwrap().join("../docs/cluster/experiment.sbatch");
        let mut command = self.command("sbatch");
        command.arg(format!("--array={array}")).arg("--mem=0").arg(file).current_dir(&self.folder.0);
        command.env("PLAN", list).env("OUT", out).env("TRAINER", program());
        println!("{}", good(&mut command).0.trim());
    }

    /// Jobs on a worker, by their own number.
    fn jobs(&self, worker: &str) -> Vec<String> {
        self.ask("squeue", &["-h", "-t", "R", "-w", worker, "-o", "%A"]).lines().map(str::to_owned).collect()
    }

    /// Everything on a worker ends at once, as when the machine loses its power.
    fn lose(&mut self, worker: &str) {
        let jobs = self.jobs(worker);
        assert!(!jobs.is_empty(), "nothing runs on {worker}");
        let (_, slurmd) = self.running.iter_mut().find(|(name, _)| *name == worker).unwrap();
        slurmd.kill().unwrap();
        slurmd.wait().unwrap();
        let steps: Vec<String> = jobs.iter().map(|job| format!("slurmstepd: [{job}.")).collect();
        let of_worker = format!("SLURMD_NODENAME={worker}");
        // those who would report first
        kill_where(|command, _| steps.iter().any(|step| command.starts_with(step)));
        kill_where(|_, environment| environment.split('\0').any(|set| set == of_worker));
    }

    fn wait_for_an_empty_queue(&self) {
        wait_for("an empty queue", MINUTES, || self.ask("squeue", &["-h"]).is_empty().then_some(()));
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for (_, child) in self.running.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends SIGKILL to the processes that a closure picks by command line and environment.
fn kill_where(pick: impl Fn(&str, &str) -> bool) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let read =
            |name: &str| fs::read(entry.path().join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let number = entry.file_name().to_string_lossy().into_owned();
        let (Ok(command), Ok(environment)) = (read("cmdline"), read("environ")) else { continue };
        if number != std::process::id().to_string() && pick(&command, &environment) {
            let _ = Command::new("kill").args(["-9", &number]).status();
        }
    }
}

fn missing(list: &Path, out: &Path) -> String {
    good(trainer().arg("report").arg(out).arg("--plan-file").arg(list).arg("--missing")).0.trim().to_owned()
}

fn measured(list: &Path, out: &Path) -> Vec<serde_json::Value> {
    let page = out.join("report/report.html");
    let said = good(trainer().arg("report").arg(out).arg("--plan-file").arg(list).arg("-o").arg(&page)).1;
    println!("{}", said.trim());
    let text = fs::read_to_string(page.with_file_name("results.jsonl")).unwrap();
    let line = |line: &str| {
        let result: serde_json::Value = serde_json::from_str(line).unwrap();
        serde_json::json!([result["cell"]["name"], result["outcome"]["measured"], result["outcome"]["steps"]])
    };
    text.lines().map(line).collect()
}

#[test]
#[ignore = "needs root and Debian's packages slurm-wlm and munge"]
fn an_array_survives_a_killed_task_and_a_lost_worker() {
    let mut slurm = Slurm::start();
    let (list, out, one) = (slurm.folder.at("cells.jsonl"), slurm.folder.at("many"), slurm.folder.at("one"));
    let mut grid = cells("fig4", Scale::Smoke, Some(&[1, 2])).unwrap();
    for cell in &mut grid {
        let Job::Learner { config, .. } = &mut cell.job else { continue };
        // some ten seconds each
        (config.training.steps, config.training.checkpoint_every, config.training.log_every) = (8_000, 200, 100);
    }
    plan::write(&list, &grid).unwrap();
    good(trainer().args(["experiment", "--device", "cpu", "--plan-file"]).arg(&list).arg("--out").arg(&one));

    slurm.send(&format!("0-{}", grid.len() - 1), &list, &out);
    let checkpoint = |index: usize| {
        let folder = grid[index].folder(&out);
        let any = fs::read_dir(folder).into_iter().flatten().flatten();
        any.filter(|entry| entry.file_name().to_string_lossy().starts_with("checkpoint-0")).count() > 0
    };
    // the first task is killed -9: its job fails with 0:9 or 137:0, and nobody sends it again
    wait_for("a checkpoint of the first cell", MINUTES, || checkpoint(0).then_some(()));
    let first = out.display().to_string();
    kill_where(|command, environment| {
        let own = environment.split('\0').any(|set| set == "SLURM_ARRAY_TASK_ID=0");
        own && command.contains("experiment") && command.contains(&first) && !command.contains("srun")
    });
    // a worker is lost with what it runs: Slurm sends that again by itself
    wait_for("something on the second worker", MINUTES, || (!slurm.jobs("n2").is_empty()).then_some(()));
    wait_for("a checkpoint there", MINUTES, || (1..grid.len()).any(checkpoint).then_some(()));
    slurm.lose("n2");
    println!("lost n2: {} are left", missing(&list, &out));
    slurm.wait_for_an_empty_queue();
    let left = missing(&list, &out);
    println!("the queue is empty: {left} is left");
    assert_eq!(left, "0", "the killed task is left, the lost worker's was sent again");
    let text =
        good(trainer().arg("report").arg(&out).arg("--plan-file").arg(&list).arg("-o").arg(slurm.folder.at("r.html")));
    assert!(text.1.contains("1 begun and not ended"), "{}", text.1);

    slurm.send(&left, &list, &out);
    slurm.wait_for_an_empty_queue();
    assert_eq!(missing(&list, &out), "");
    assert_eq!(measured(&list, &out), measured(&list, &one));
}

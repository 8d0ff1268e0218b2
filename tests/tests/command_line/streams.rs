//! What goes over streams: progress, closed pipes, downloads.

use super::*;

#[test]
fn progress_is_a_line_now_and_then_where_there_is_no_terminal() {
    let folder = Folder::new("progress");
    let (run, model) = (folder.at("run"), folder.at("a.safetensors"));
    let (_, log) = good(&mut train_tiny(&run, 30));
    for line in ["step 1/30", "step 30/30"] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
    export(&run, &model, "f32");
    let (_, log) = good(trainer().arg("eval").arg(&model).args(["--data", "random", "--episodes", "8"]));
    assert!(log.contains("a on random: 8 episodes"), "{log}");
    // a run that takes longer than the pause between two lines, and logs next to nothing by itself
    let mut long = train_tiny(&folder.at("long"), 1_000_000);
    long.args(["--set", "training.log_every=1000000"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = long.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let beat = lines.find(|line| {
        let line = line.as_ref().unwrap();
        line.starts_with("step ") && !line.starts_with("step 1/")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let beat = beat.expect("a line without a logged step").unwrap();
    assert!(beat.contains("/1000000") && beat.contains("ETA"), "{beat}");
}

/// Runs a command whose output or log goes into a pipe that nobody reads.
#[cfg(unix)]
fn unread(command: &mut Command, log: bool) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    if log {
        command.stderr(writer).stdout(Stdio::piped())
    } else {
        command.stdout(writer).stderr(Stdio::piped())
    };
    let child = command.spawn().unwrap();
    // the copy that the command keeps would hold the pipe open
    command.stdout(Stdio::null()).stderr(Stdio::null());
    child.wait_with_output().unwrap()
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = Folder::new("pipes");
    let (run, model, data) = (folder.at("run"), folder.at("a.safetensors"), folder.at("data"));
    good(&mut train_tiny(&run, 10));
    export(&run, &model, "f32");
    toy_data_set(&data.join("toy"));
    let model = model.to_str().unwrap();
    for arguments in [
        &["--help"][..],
        &["train", "--help"],
        &["--version"],
        &["inspect", model],
        &["inspect", model, "--json"],
        &["inspect", model, "--card"],
        &["train", "--print-config"],
        &["experiment", "all", "--plan"],
        &["data", "list"],
        &["data", "verify", "toy"],
        &["eval", model, "--data", "toy", "--episodes", "4"],
    ] {
        let ended = unread(trainer().args(arguments).env("GPICL_DATA", &data), false);
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{arguments:?} ended with {}: {words}", ended.status);
        assert!(!words.contains("panicked") && !words.to_lowercase().contains("broken pipe"), "{arguments:?}: {words}");
    }
    // nobody reads the log: the work is done all the same
    let second = folder.at("second");
    assert!(unread(&mut train_tiny(&second, 10), true).status.success());
    assert!(second.join("checkpoint-000000010").is_dir());
    let ended =
        unread(trainer().args(["eval", model, "--data", "toy", "--episodes", "4"]).env("GPICL_DATA", &data), true);
    assert!(ended.status.success() && !ended.stdout.is_empty());
    // what was not closed but is full is an error
    if Path::new("/dev/full").exists() {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ended = trainer().args(["inspect", model]).stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert!(!ended.status.success());
        assert!(String::from_utf8_lossy(&ended.stderr).contains("standard output"));
    }
}

#[test]
fn downloads_take_the_proxy_and_the_authorities_of_the_environment() {
    let folder = Folder::new("environment");
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = proxy.accept().unwrap();
        // a request comes in as many pieces as it likes, and ends with an empty line
        let mut request = Vec::new();
        let mut piece = [0; 512];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut piece).unwrap() {
                0 => break,
                n => request.extend(&piece[..n]),
            }
        }
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        String::from_utf8_lossy(&request).into_owned()
    });
    let clean = || {
        let mut command = trainer();
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.args(["data", "fetch", "mnist"]).env("GPICL_DATA", folder.at("data"));
        command
    };
    let mut child = clean()
        .env("HTTPS_PROXY", format!("http://{address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = server.join().unwrap();
    let _ = child.kill();
    child.wait().unwrap();
    assert!(request.starts_with("CONNECT ") && request.contains(":443"), "{request}");
    let words = bad(clean().env("SSL_CERT_FILE", folder.at("no-such.pem")));
    assert!(words.contains("SSL_CERT_FILE") && words.contains("no-such.pem"), "{words}");
}

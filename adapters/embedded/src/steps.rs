//! What is done about a message, a command or the time, in order.

use crate::agent::{Agent, Unheard};
use crate::host::Host;
use crate::ledger::Broken;
use crate::link::AsyncLink;
use crate::member::Identity;
use crate::node::Desk;
use crate::voice::Voice;
use quorate::{Fault, Input, InputOf, Instant, Output, Principal, Target};

/// A payload of a principal.
pub(crate) async fn hear<P, H, I, L, const N: usize>(
    protocol: &mut P,
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
    (now, from, payload): (Instant, Principal, &[u8]),
) -> Result<(), H::Error>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    let fault = match protocol.hear(now, from, payload, &voice.identity) {
        Ok(message) => {
            let (input, desk) = (Input::Message(message), (&mut *plain, &mut *frame));
            let outputs = protocol.step(now, input);
            perform::<P, H, I, L, N>(outputs, host, voice, desk, link, payload).await?;
            let vain = protocol.was_fruitless() && matches!(from, Principal::Node(_));
            follow(protocol, host, voice, (plain, frame), link, now).await?;
            voice.sessions.advance(protocol.executed());
            let waits = vain && voice.sessions.bear(from, now);
            waits.then_some(Fault::OverBudget)
        }
        Err(Unheard::Known) => None,
        Err(Unheard::Fault(fault)) => Some(fault),
        Err(Unheard::Later(after)) => {
            voice.sessions.quiet(from, now.after(after));
            let busy = P::busy(from, payload, after);
            if let (Some(message), Principal::Client(client)) = (busy, from) {
                let said = (Target::Client(client), message);
                say::<P, H, I, L, N>(said, host, voice, (plain, frame), link).await?;
            }
            Some(Fault::OverBudget)
        }
    };
    if let (Principal::Node(node), Some(fault)) = (from, fault) {
        host.accuse(node, fault);
    }
    Ok(())
}

/// Sends a message to all who are meant.
async fn say<P, H, I, L, const N: usize>(
    (to, message): (Target, P::Message<'_>),
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
) -> Result<(), H::Error>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    let Some(length) = voice.encode::<P>(message, plain) else { return Ok(()) };
    let proof = host.ledger().durable().ok_or(Broken(None))?;
    let payload = plain.get(..length).unwrap_or_default();
    voice.send(proof, to, payload, frame, link).await;
    Ok(())
}

/// One step that no message is the input of, and what follows.
pub(crate) async fn step<P, H, I, L, const N: usize>(
    protocol: &mut P,
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
    (now, input): (Instant, InputOf<'_, P>),
) -> Result<(), H::Error>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    let outputs = protocol.step(now, input);
    perform::<P, H, I, L, N>(outputs, host, voice, (&mut *plain, &mut *frame), link, &[]).await?;
    follow(protocol, host, voice, (plain, frame), link, now).await
}

/// What follows a step: one for each command that the host owes, then what the host has to say;
/// and at last the host tidies up.
async fn follow<P, H, I, L, const N: usize>(
    protocol: &mut P,
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
    now: Instant,
) -> Result<(), H::Error>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    loop {
        let Some(command) = host.command() else { break };
        let outputs = protocol.step(now, Input::Command(command));
        let desk = (&mut *plain, &mut *frame);
        perform::<P, H, I, L, N>(outputs, host, voice, desk, link, &[]).await?;
    }
    loop {
        let Some((to, message)) = host.message() else { break };
        let Some(length) = voice.encode::<P>(message, plain) else { continue };
        let proof = host.ledger().durable().ok_or(Broken(None))?;
        let payload = plain.get(..length).unwrap_or_default();
        voice.send(proof, to, payload, frame, link).await;
    }
    host.settle(protocol).await
}

/// Performs the outputs of one step, in order.
async fn perform<'p, P, H, I, L, const N: usize>(
    outputs: P::Outputs<'p>,
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
    said: &[u8],
) -> Result<(), H::Error>
where
    P: Agent + 'p,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    for output in outputs {
        match output {
            Output::Persist(record) => {
                host.note(&record);
                host.ledger().append(&record).await?;
            }
            Output::Send { to, message } => {
                let desk = (&mut *plain, &mut *frame);
                say::<P, H, I, L, N>((to, message), host, voice, desk, link).await?;
            }
            Output::Decide(decision) => host.decide(decision, said).await?,
            Output::Accuse { node, fault } => host.accuse(node, fault),
            Output::Refuse(refusal) => host.refuse(refusal)?,
        }
    }
    Ok(())
}

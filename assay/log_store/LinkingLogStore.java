package assay;

import io.delta.storage.HDFSLogStore;
import java.io.File;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * Commits to Delta tables on a local disk, where only one of many processes can make a version.
 *
 * Delta's own store looks whether the version is there, and then renames its file to it. What another process has put
 * there in between is replaced: that commit is lost, and nobody is told. A hard link fails where its name is taken, in
 * one step. And to look, Hadoop starts a program of the system's dozens of times for each commit.
 */
public final class LinkingLogStore extends HDFSLogStore {
    public LinkingLogStore(Configuration conf) {
        super(conf);
    }

    @Override
    public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration conf) throws IOException {
        List<String> lines = new ArrayList<String>();
        while (actions.hasNext()) {
            lines.add((String) actions.next());
        }
        java.nio.file.Path target = new File(path.toUri().getPath()).toPath();
        java.nio.file.Path made = target.resolveSibling("." + path.getName() + "." + UUID.randomUUID() + ".tmp");
        try {
            Files.write(made, lines, new OpenOption[0]);
            // Hadoop's checksum of a file that had the name before would not fit the new one.
            Files.deleteIfExists(target.resolveSibling("." + path.getName() + ".crc"));
            if (overwrite.booleanValue()) {
                Files.move(made, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } else if (!linked(target, made)) {
                super.write(path, lines.iterator(), overwrite, conf);
            }
        } finally {
            Files.deleteIfExists(made);
        }
    }

    /** Whether the disk has hard links at all. */
    private static boolean linked(java.nio.file.Path target, java.nio.file.Path made) throws IOException {
        try {
            Files.createLink(target, made);
            return true;
        } catch (FileAlreadyExistsException taken) {
            throw taken;
        } catch (FileSystemException error) {
            return false;
        } catch (UnsupportedOperationException error) {
            return false;
        }
    }
}
